"""The frozen migrations make exactly the tables that the code knows."""

from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from collector.collector_errors import SchemaBehind
from collector.store import partitions
from collector.store.database import Database
from collector.store.migrate import check_current, migrate
from collector.store.schema import metadata
from tests.collector.events import NOW


def test_migrations_make_the_schema(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_name": lambda name, kind, _parent: (
                    kind != "table" or not str(name).startswith("events_")
                )
            },
        )
        assert compare_metadata(context, metadata) == []


def test_migrating_again_changes_nothing(database: Database) -> None:
    assert migrate(database) == ("first", "first")
    check_current(database)


def test_a_database_of_another_version_is_refused(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    with pytest.raises(SchemaBehind, match="dockwarden-collector migrate"):
        check_current(database)


def test_partitions_are_made_once(database: Database) -> None:
    assert partitions.ensure(database, NOW) == []
    made = partitions.ensure(database, NOW + timedelta(days=1))
    assert made == ([] if database.is_sqlite else ["events_20261208"])
    with database.read() as connection:
        assert "events" in inspect(connection).get_table_names()
