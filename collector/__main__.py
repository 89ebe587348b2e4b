"""`python -m collector` is `dockwarden-collector`."""

from collector.entry_point import main

main()
