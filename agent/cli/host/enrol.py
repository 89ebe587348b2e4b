"""`dockwarden enrol`: exchanges a secret for this host's identity at its collector."""

import socket
from pathlib import Path

import click

from agent.cli.options import config_option, inputs
from core.base_errors import DockwardenError


@click.command()
@click.option(
    "--collector", "url", metavar="URL", help="URL of the collector [default: as configured]."
)
@click.option(
    "--secret-file",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    required=True,
    metavar="FILE",
    help="File with a secret from `dockwarden-collector enrolment new`; - is standard input.",
)
@click.option("--again", is_flag=True, help="Give this host a new identity, although it has one.")
@config_option
def enrol(url: str | None, secret_file: Path, again: bool, config_file: Path | None) -> None:
    """Enrol this host at the collector, once.

    The command stores the host's token in [collector] token_file, readable by root only. A running
    agent uses the token within a quarter of an hour, or at once when you restart it.

    \b
    Examples:
      sudo dockwarden enrol --secret-file /root/secret
      sudo dockwarden enrol --collector https://collector.acme.test --secret-file -
    """
    from agent.config.load import load
    from agent.helpers.uplink import host_identity
    from agent.helpers.uplink.http import Http

    config = load(inputs(config_file)).config
    settings = config.collector
    there = (url or settings.url).rstrip("/")
    if not there.startswith(("https://", "http://")):
        raise DockwardenError(
            "no collector is configured",
            hint='give --collector URL, or set [collector] url = "https://…"',
        )
    if not again and host_identity.read(settings.token_file) is not None:
        raise DockwardenError(
            f"this host is already enrolled: {settings.token_file}",
            hint="--again gives it a new identity; the old one stays on the collector's page",
        )
    secret = _secret(secret_file)
    try:
        http = Http(there, ca_file=settings.ca_file)
        host = config.agent.host_name or socket.gethostname()
        found = host_identity.enrol(http.post, there, secret, host)
        host_identity.keep(settings.token_file, found)
    except OSError as error:
        raise DockwardenError(
            f"{settings.token_file} cannot be written: {error.strerror}", hint="run it as root"
        ) from error
    click.echo(f"enrolled as {found.host_id}")


def _secret(path: Path) -> str:
    try:
        text = str(click.open_file(str(path)).read()).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DockwardenError(
            f"{path} cannot be read: {error}", hint="which file is it?"
        ) from error
    if not text:
        raise DockwardenError(
            f"{path} is empty", hint="ask the collector's administrator for a secret"
        )
    return text
