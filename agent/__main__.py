"""`python -m agent` is `dockwarden`."""

from agent.cli.main import main

if __name__ == "__main__":
    main()
