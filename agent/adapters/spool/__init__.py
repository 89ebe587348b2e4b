"""`ports.Spool` in one SQLite file."""

from agent.adapters.spool.spool import SqliteSpool

__all__ = ["SqliteSpool"]
