"""Databases of both kinds for the collector's tests."""

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from collector.store import partitions
from collector.store.database import Database
from collector.store.migrate import migrate
from tests.collector.events import NOW
from tests.collector.postgres import cluster

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A server's URL with `{name}` for the database; its database `empty` is migrated."""
    with cluster(durable=False) as url:  # only collectors are killed here, never the server
        with _as_owner(url) as connection:
            connection.execute("CREATE DATABASE empty")
        _migrate(url.format(name="empty"))
        yield url


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "empty.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A migrated, empty database; each test that takes it runs on both kinds."""
    if request.param == "sqlite":
        path = shutil.copy(request.getfixturevalue("sqlite"), tmp_path / "collector.db")
        database = Database.open(f"sqlite:///{path}")
        yield database
        database.close()
        return
    url, name = request.getfixturevalue("postgres"), f"test_{next(_numbers)}"
    with _as_owner(url) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE empty")
    database = Database.open(url.format(name=name))
    yield database
    database.close()
    with _as_owner(url) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _migrate(url: str) -> None:
    database = Database.open(url)
    migrate(database)
    partitions.ensure(database, NOW)
    database.close()


def _as_owner(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(url.format(name="postgres"), autocommit=True)
