"""The `dockwarden-registrar` command: its subcommands, by the module that each is in."""

from pathlib import Path

import click

from core.terminal.command_group import Commands

# In the order in which they are met.
_COMMANDS_AT = {
    "init": "registrar.cli.governance.init:init",
    "key": "registrar.cli.governance.key:key",
    "scope": "registrar.cli.governance.scope:scope",
    "fetch": "registrar.cli.images.fetch:fetch_images",
    "image": "registrar.cli.images.image:image",
    "deny": "registrar.cli.images.deny:deny",
    "waiver": "registrar.cli.images.waiver:waiver",
    "policy": "registrar.cli.governance.policy_commands:policy",
    "evidence": "registrar.cli.images.evidence_commands:evidence",
    "review": "registrar.cli.publication.review:review",
    "lint": "registrar.cli.publication.lint:lint",
    "sign": "registrar.cli.publication.sign:sign",
    "status": "registrar.cli.publication.role_status:status",
    "publish": "registrar.cli.publication.publish:publish",
    "timestamp": "registrar.cli.publication.timestamp:timestamp",
    "verify": "registrar.cli.publication.verify:verify",
    "simulate": "registrar.cli.images.simulate:simulate",
    "seed": "registrar.cli.images.seed:seed",
    "export": "registrar.cli.publication.exporting:export",
    "import": "registrar.cli.publication.exporting:import_",
    "break-glass": "registrar.cli.governance.break_glass_issue:break_glass",
}


@click.group(
    "dockwarden-registrar",
    cls=Commands,
    commands_at=_COMMANDS_AT,
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
