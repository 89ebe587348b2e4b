"""`summary.json` of a generation: its `SyncReport`, so that the daemon need not run the helper.

Standard library only: the daemon imports this.
"""

from pathlib import Path
from typing import Final

from agent.helpers.sync.sync_request import SyncReport, sync_report_of, to_json
from core.durable import write_file

NAME: Final = "summary.json"


def read_summary(directory: Path) -> SyncReport | None:
    """The answer that a generation's directory holds; None when it has none that can be read."""
    try:
        return sync_report_of((directory / NAME).read_bytes())
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write_summary(directory: Path, sync_report: SyncReport) -> None:
    """Keep it, durably; raises `OSError`."""
    write_file(directory / NAME, to_json(sync_report))
