"""`python -m registrar` is `dockwarden-registrar`."""

from registrar.entry_point import main

main()
