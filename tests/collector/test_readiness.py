"""`/readyz` is true to its word: a collector that cannot keep reports says so, and recovers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from collector.store.database import Database
from tests.collector.local_collector import LocalCollector, local_collector


class Disk:
    """SQLite's own limit on the file's size, which fails as a full disk does."""

    def __init__(self, database: Database) -> None:
        self.pages = 0
        self._database = database
        event.listen(database.engine, "checkout", self._limit)

    def _limit(self, connection: object, *_: object) -> None:
        most = self.pages or 2**30
        connection.execute(f"PRAGMA max_page_count = {most}")  # type: ignore[attr-defined]

    def fill(self) -> None:
        """No page can be added any more."""
        self.pages = 1


@pytest.fixture
def here(sqlite: Path, tmp_path: Path) -> Iterator[LocalCollector]:
    path = tmp_path / "collector.db"
    path.write_bytes(sqlite.read_bytes())
    database = Database.open(f"sqlite:///{path}")
    with local_collector(database) as here:
        yield here
    database.close()


def test_a_full_disk_is_told_until_there_is_room(here: LocalCollector) -> None:
    host, disk = here.enrol(), Disk(here.database)
    many = host.spool.findings(200)
    assert here.client.get("/readyz").status_code == 204
    disk.fill()
    assert here.send(host, many).status_code == 503
    assert here.client.get("/readyz").status_code == 503
    disk.pages = 0
    assert here.client.get("/readyz").status_code == 204
    assert here.send(host, many).status_code == 200
