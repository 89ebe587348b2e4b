"""`dockwarden enrol`: exchanges a secret for this host's identity at its collector."""

import socket
from pathlib import Path

import click

from agent.cli.options import config_option, inputs
from core.base_errors import DockwardenError


@click.command()
@click.option("--collector", "url", metavar="URL", help="The collector [default: as configured].")
@click.option(
    "--secret-file",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    required=True,
    metavar="FILE",
    help="Holds a secret of `dockwarden-collector enrolment new`; - is standard input.",
)
@click.option("--again", is_flag=True, help="Replace an identity that is there; it gets a new one.")
@config_option
def enrol(url: str | None, secret_file: Path, again: bool, config_file: Path | None) -> None:
    """Enrol this host at the collector, once.

    What it gives is kept in [collector] token_file, for root alone. A running agent takes it up
    within a quarter of an hour; restart it to make that at once.

    \b
    Examples:
      sudo dockwarden enrol --secret-file /root/secret
      sudo dockwarden enrol --collector https://collector.acme.test --secret-file -
    """
    from agent.config.load import load
    from agent.helpers.uplink import host_identity
    from agent.helpers.uplink.http import Http
    from agent.helpers.uplink.session import Unreachable

    config = load(inputs(config_file)).config
    settings = config.collector
    there = (url or settings.url).rstrip("/")
    if not there.startswith(("https://", "http://")):
        raise DockwardenError(
            "there is no collector to enrol at",
            hint='give --collector URL, or set [collector] url = "https://…"',
        )
    if not again and host_identity.read(settings.token_file) is not None:
        raise DockwardenError(
            f"this host is enrolled already: {settings.token_file}",
            hint="--again gives it a new identity; the old one stays on the collector's page",
        )
    secret = _secret(secret_file)
    try:
        http = Http(there, ca_file=settings.ca_file)
        host = config.agent.host_name or socket.gethostname()
        found = host_identity.enrol(http.post, there, secret, host)
        host_identity.keep(settings.token_file, found)
    except Unreachable as error:
        raise DockwardenError(str(error), hint="correct [collector] ca_file") from error
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
        raise DockwardenError(f"{path} is empty", hint="ask for a secret")
    return text
