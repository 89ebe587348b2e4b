"""Values that all replicas share and that nobody configures; knows no page."""

from sqlalchemy import select

from collector.store.database import Database
from collector.store.randomness import random_bytes
from collector.store.schema import settings
from collector.store.writing import bulk


def cookie_key(database: Database) -> str:
    """The key of the page's short-lived cookies: made at the first call."""
    with database.write() as connection:
        made = [("cookie_key", random_bytes(32).hex())]
        bulk.insert(connection, settings, made, "ON CONFLICT (name) DO NOTHING")
        statement = select(settings.c.value).where(settings.c.name == "cookie_key")
        return str(connection.execute(statement).scalar_one())
