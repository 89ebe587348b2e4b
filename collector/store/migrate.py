"""Brings a database's tables to this version (Alembic); knows none of them."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from collector.collector_errors import SchemaBehind
from collector.store.database import Database

_HERE = Path(__file__).with_name("migrations")
_LOCK = 0x646F636B77617264  # "dockward": any number that no other program takes


def migrate(database: Database) -> tuple[str, str]:
    """Upgrade in one transaction; returns the revisions before and after, empty for none.

    Replicas may call it at once: one upgrades, the others wait. Raises `StoreUnavailable`.
    """
    with database.write() as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        before = _revision(connection)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return before, _revision(connection)


def check_current(database: Database) -> None:
    """Raises `SchemaBehind` unless the tables are those of this version."""
    with database.read() as connection:
        found = _revision(connection)
    criteria = ScriptDirectory.from_config(_config()).get_current_head() or ""
    if found != criteria:
        raise SchemaBehind(
            f"the database's tables have revision {found or 'none'}, not {criteria}",
            hint="run: dockwarden-collector migrate",
        )


def _revision(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or ""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
