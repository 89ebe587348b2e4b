"""`ports.Spool` in one SQLite file."""

from agent.adapters.spool.sqlite_spool import SqliteSpool

__all__ = ["SqliteSpool"]
