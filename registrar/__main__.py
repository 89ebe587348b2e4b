"""`python -m registrar` is `dockwarden-registrar`."""

from registrar.cli.main import main

main()
