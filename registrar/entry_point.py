"""Where `dockwarden-registrar` begins: it says so in one line if the extra is not installed."""

from core.extras import require


def main() -> None:
    """The script's entry point."""
    require("dockwarden-registrar", "registrar")
    from registrar.cli.registrar_main import main as command

    command()
