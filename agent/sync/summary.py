"""`summary.json` of a generation: its `Answer`, so that the daemon need not run the helper.

Standard library only: the daemon imports this.
"""

from pathlib import Path
from typing import Final

from agent.durable import write_file
from agent.sync.request import Answer, answer_of, to_json

NAME: Final = "summary.json"


def read_summary(directory: Path) -> Answer | None:
    """The answer that a generation's directory holds; None when it has none that can be read."""
    try:
        return answer_of((directory / NAME).read_bytes())
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write_summary(directory: Path, answer: Answer) -> None:
    """Keep it, durably; raises `OSError`."""
    write_file(directory / NAME, to_json(answer))
