"""`image`: approve, renew, revoke, list and show; parsing and printing."""

import click

from registrar.cli.images.image_approve import approve
from registrar.cli.images.image_list import list_, show
from registrar.cli.images.image_renew import renew
from registrar.cli.images.image_revoke import revoke


@click.group()
def image() -> None:
    """Approve images, renew and revoke approvals, see what is approved."""


for _command in (approve, renew, revoke, list_, show):
    image.add_command(_command)
