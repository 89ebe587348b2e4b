"""`python -m collector` is `dockwarden-collector`."""

from collector.cli import main

main()
