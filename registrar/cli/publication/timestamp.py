"""`timestamp`: shows hosts each hour that what is published is still the newest."""

from pathlib import Path

import click

from core.base_errors import DockwardenError
from core.terminal.printing import complain
from registrar import registrar_clock
from registrar.cli.registrar_options import (
    key_folder,
    keys_option,
    online_keys,
    passphrase_option,
    secret,
    workspace,
)
from registrar.cli.registrar_output import ALARM, left, note, say
from registrar.registrar_errors import RepositoryBroken
from registrar.repository.metadata_tree import Published
from registrar.repository.online import ALARM_LEFT, current_timestamp
from registrar.repository.publishing import refresh
from registrar.repository.switching import finish, mirror
from registrar.workspace import Workspace


@click.command()
@click.option(
    "--to", type=click.Path(path_type=Path), help="Also copy the repository to this folder."
)
@click.option(
    "--check", is_flag=True, help="Sign nothing; only report how long the timestamp is valid."
)
@keys_option
@passphrase_option
def timestamp(
    to: Path | None, check: bool, keys_directory: Path, passphrase_file: Path | None
) -> None:
    """Renew the timestamp, and the snapshot when it expires soon; run this each hour.

    Exit code 4 is an alarm: the timestamp could not be renewed and expires in less than 12 hours.
    When it expires, hosts keep their last list and report it as stale.
    """
    where = workspace()
    failed = False
    if not check:
        try:
            finish(where)
            ask, folder = secret(passphrase_file), key_folder(keys_directory)
            refresh(where, online_keys(where, folder, ask), registrar_clock.now())
            if to is not None:
                mirror(where.repository, to)
        except (DockwardenError, OSError) as error:
            failed = True
            complain(error if isinstance(error, DockwardenError) else RepositoryBroken(str(error)))
    soon = _tell(where)
    click.get_current_context().exit(ALARM if soon else int(failed))


def _tell(where: Workspace) -> bool:
    """Whether it ends soon."""
    current = current_timestamp(Published(where.repository))
    if current is None:
        raise RepositoryBroken("nothing is published yet", hint="`sign`, then `publish`")
    end, now = current.signed.expires, registrar_clock.now()
    lifetime = where.rules().roles["timestamp"].lifetime
    say(f"timestamp {current.signed.version} ends {left(end, now)} ({end.isoformat()})")
    soon = end - now < min(ALARM_LEFT, lifetime / 2)
    if soon:
        note("alarm: hosts will report the list as stale when the timestamp expires")
    return soon
