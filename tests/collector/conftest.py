"""Databases of both kinds for the collector's tests."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
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
    """A server's URL with `{name}` for the database."""
    with cluster() as url:
        yield url


@contextmanager
def fresh_postgres(url: str) -> Iterator[str]:
    """A new database on the server."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(url.format(name="postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield url.format(name=name)
    with psycopg.connect(url.format(name="postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A migrated, empty database; each test that takes it runs on both kinds."""
    if request.param == "sqlite":
        database = Database.open(f"sqlite:///{tmp_path}/collector.db")
        migrate(database)
        yield database
        database.close()
        return
    with fresh_postgres(request.getfixturevalue("postgres")) as url:
        database = Database.open(url)
        migrate(database)
        partitions.ensure(database, NOW)
        yield database
        database.close()
