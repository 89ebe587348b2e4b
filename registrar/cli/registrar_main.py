"""The `dockwarden-registrar` command: finds its verbs and turns errors into words and exit codes.

Each verb's module is imported only when it is asked for.
"""

import importlib
from pathlib import Path
from typing import Any

import click

from core.base_errors import DockwardenError
from registrar.cli.registrar_output import complain

# Name on the command line: module, and what the command is called in it.
_COMMANDS = {
    "init": ("registrar.cli.governance.init", "init"),
    "key": ("registrar.cli.governance.key", "key"),
    "scope": ("registrar.cli.governance.scope", "scope"),
    "image": ("registrar.cli.images.image", "image"),
    "deny": ("registrar.cli.images.deny", "deny"),
    "waiver": ("registrar.cli.images.waiver", "waiver"),
    "policy": ("registrar.cli.governance.policy_commands", "policy"),
    "review": ("registrar.cli.publication.review", "review"),
    "lint": ("registrar.cli.publication.lint", "lint"),
    "sign": ("registrar.cli.publication.sign", "sign"),
    "status": ("registrar.cli.publication.role_status", "status"),
    "publish": ("registrar.cli.publication.publish", "publish"),
    "timestamp": ("registrar.cli.publication.timestamp", "timestamp"),
    "verify": ("registrar.cli.publication.verify", "verify"),
    "simulate": ("registrar.cli.images.simulate", "simulate"),
    "seed": ("registrar.cli.images.seed", "seed"),
    "export": ("registrar.cli.publication.exporting", "export"),
    "import": ("registrar.cli.publication.exporting", "import_"),
    "break-glass": ("registrar.cli.governance.break_glass_issue", "break_glass"),
}


class Commands(click.Group):
    """Commands by name, in the order in which an administrator needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All names."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command of that name, imported now."""
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an expected error is reported without a traceback."""
        try:
            return super().invoke(ctx)
        except DockwardenError as error:
            complain(error)
            ctx.exit(1)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 success, 1 error, 2 wrong usage, 3 something was found, 4 alarm.",
)
@click.option(
    "-C",
    "--workspace",
    "path",
    default=".",
    show_default="here",
    envvar="DOCKWARDEN_WORKSPACE",
    type=click.Path(path_type=Path),
    help="The administrators' workspace; default: the current folder.",
)
@click.pass_context
def cli(ctx: click.Context, path: Path) -> None:
    """Approve images, sign the list, publish it to every host.

    \b
    First steps:
      dockwarden-registrar init --solo --organization acme approved
      dockwarden-registrar -C approved image approve registry.acme.example/web:1.4 \\
          --scope acme --requester dev@acme.example --reason "release 1.4"
      dockwarden-registrar -C approved review
      dockwarden-registrar -C approved sign --key solo
      dockwarden-registrar -C approved publish
    """
    ctx.obj = path


def main() -> None:
    """The script's entry point."""
    cli(prog_name="dockwarden-registrar")
