"""From the configuration to a database; knows no server."""

from pathlib import Path

from collector.collector_config import Config
from collector.store.database import Database


def open_database(config: Config) -> Database:
    """Connects when first used; the folder of an SQLite file is made."""
    url = config.database.url
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    connections = config.database.connections + config.database.writers
    return Database.open(url, connections=connections)
