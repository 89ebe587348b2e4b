"""A program's commands by name; each one's module is imported only when it is asked for."""

from collections.abc import Mapping
from pkgutil import resolve_name
from typing import Any

import click

from core.base_errors import DockwardenError
from core.terminal.printing import complain


class Commands(click.Group):
    """The root of a command line: `@click.group(cls=Commands, commands_at={"run": "m:run"})`.

    An error of ours is printed without a traceback; the exit code is 1 then.
    """

    def __init__(self, *, commands_at: Mapping[str, str], **settings: Any) -> None:
        """`commands_at` gives "module:name" for each command, in the order of the help."""
        super().__init__(**settings)
        self._commands_at = commands_at

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All names."""
        return list(self._commands_at)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command of that name, imported now."""
        if cmd_name not in self._commands_at:
            return None
        command: click.Command = resolve_name(self._commands_at[cmd_name])
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except DockwardenError as error:
            complain(error)
            ctx.exit(1)
