"""Metrics as a file for node-exporter's textfile collector; knows text, not what it measures."""

from pathlib import Path

from agent.errors import SinkFailed
from core.durable import remove_leftovers, write_file

DIRECTORY = Path("/var/lib/prometheus/node-exporter")  # where Debian's node-exporter looks
NAME = "dockwarden.prom"


class Textfile:
    """Replaces the file at once: node-exporter never reads half of it."""

    def __init__(self, path: Path) -> None:
        """For the only writer of `path`."""
        self._path = path
        if path.parent.is_dir():
            remove_leftovers(path.parent, path.name)

    def publish(self, text: str) -> None:
        """Readable by everybody, as node-exporter runs as a user of its own. Raises
        `SinkFailed`."""
        try:
            write_file(self._path, text.encode(), mode=0o644)
        except OSError as error:
            raise SinkFailed(
                f"metrics could not be written to {self._path}: {error.strerror}",
                hint='make the directory writable, or set [metrics] textfile = "off"',
            ) from error


def chosen(textfile: str, directory: Path = DIRECTORY) -> Path | None:
    """What `[metrics] textfile` means on this host; None for nowhere."""
    if textfile == "auto":
        return directory / NAME if directory.is_dir() else None
    return None if textfile == "off" else Path(textfile)
