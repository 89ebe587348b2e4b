"""What the subcommands share: options, the database; knows no subcommand."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from collector.collector_config import Config, load
from collector.opening import open_database
from collector.store.database import Database
from collector.store.enrolment_store import EnrolmentStore, Person
from collector.store.migrate import migrate

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


@dataclass(slots=True)
class Called:
    """The common options; the configuration is read when it is first needed."""

    file: Path | None

    @property
    def config(self) -> Config:
        """What file and environment say; raises `ConfigInvalid`."""
        return load(self.file, os.environ)


@contextmanager
def opened(called: Called) -> Iterator[Database]:
    """The configured database, migrated if it is SQLite; closed afterwards."""
    database = open_database(called.config)
    try:
        if database.is_sqlite:
            migrate(database)
        yield database
    finally:
        database.close()


def person() -> Person:
    """The name for the audit log."""
    return Person(f"command line ({os.environ.get('SUDO_USER') or os.environ.get('USER', 'root')})")


def with_enrolments(called: Called, do: Callable[[Any, Any], Any]) -> Any:
    """Do something with enrolment, in the name of the caller."""
    with opened(called) as database:
        return do(EnrolmentStore(database), person())
