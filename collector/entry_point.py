"""Where `dockwarden-collector` begins: it says so in one line if the extra is not installed."""

from core.extras import require


def main() -> None:
    """The script's entry point."""
    require("dockwarden-collector", "collector")
    from collector.cli import main as command

    command()
