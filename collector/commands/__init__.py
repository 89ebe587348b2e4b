"""The subcommands of `dockwarden-collector`: parse, call, print."""
