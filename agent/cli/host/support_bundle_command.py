"""`dockwarden support-bundle`: what somebody who helps you needs to see, without secrets."""

import socket
from pathlib import Path

import click

from agent.cli.options import config_option, inputs, output_option
from core.terminal.printing import emit_json, emit_table


@click.command("support-bundle")
@click.option(
    "--file",
    "-f",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write (default: dockwarden-support-HOST-TIME.tar.gz here).",
)
@click.option("--list", "only_list", is_flag=True, help="Show what would go in; write nothing.")
@config_option
@output_option
def support_bundle(
    file: Path | None, only_list: bool, config_file: Path | None, output: str
) -> None:
    """Write a tar file that helps others to help you.

    It contains versions, the configuration, status, doctor, the last 200 findings without labels
    and commands, and the journal of the service. It contains no secrets: no credentials, tokens,
    keys, or passwords in URLs. It contains names of hosts, images and containers, so check it
    before you send it.

    \b
    Examples:
      sudo dockwarden support-bundle --list
      sudo dockwarden support-bundle --file /tmp/host7.tar.gz
    """
    from agent.adapters.system_clock import SystemClock
    from agent.doctor.support_bundle import members, write

    given = inputs(config_file)
    time = SystemClock().now().strftime("%Y%m%dT%H%M%SZ")
    path = file or Path(f"dockwarden-support-{socket.gethostname()}-{time}.tar.gz")
    if only_list:
        found = [(name, len(content)) for name, content in members(given)]
    else:
        found = write(path, given)
    if output == "json":
        files = [{"name": name, "bytes": size} for name, size in found]
        emit_json({"file": None if only_list else str(path), "members": files})
        return
    emit_table(("file", "bytes"), found)
    if not only_list:
        click.echo(f"\nwritten: {path}\nCheck it before you send it: it names hosts and images.")
