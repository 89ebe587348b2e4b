"""What several verbs ask for alike: the workspace, the folder of private keys, passphrases."""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
from securesystemslib.signer import Signer

from registrar.keys.key_folder import KeyFolder, Secret, read_private
from registrar.registrar_errors import KeyUnusable
from registrar.repository.online import OnlineKeys
from registrar.workspace import EnrolledKey, Workspace

F = TypeVar("F", bound=Callable[..., Any])

PASSPHRASE = "DOCKWARDEN_PASSPHRASE"

keys_option = click.option(
    "--keys",
    "keys_directory",
    envvar="DOCKWARDEN_KEYS",
    default="~/.config/dockwarden/keys",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The folder of this machine's private keys, which are encrypted.",
)
passphrase_option = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path),
    help=f"Reads the passphrase there; else ${PASSPHRASE}, else it is asked for.",
)


def workspace() -> Workspace:
    """The one that -C names; raises `WorkspaceInvalid`."""
    path: Path = click.get_current_context().find_root().obj
    return Workspace.open(path)


def key_folder(directory: Path, *, new: Path | None = None) -> KeyFolder:
    """The folder of private keys; raises `KeyUnusable` where it lies in the workspace, whose files
    go into git. `new` is a workspace that is only now made."""
    root: Path = new or click.get_current_context().find_root().obj
    chosen = directory.expanduser().absolute()
    if chosen.resolve().is_relative_to(root.resolve()):
        raise KeyUnusable(
            f"{chosen}: private keys must not lie in the workspace {root.resolve()}",
            hint="name a folder elsewhere with --keys or DOCKWARDEN_KEYS",
        )
    return KeyFolder(chosen)


def secret(file: Path | None, *, confirm: bool = False) -> Secret:
    """What answers the question for a passphrase."""

    def answer(prompt: str) -> str:
        if file is not None:
            hint = "give a file of one line with --passphrase-file"
            try:
                return read_private(file, hint).decode().rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise KeyUnusable(f"{file}: it is not UTF-8", hint=hint) from error
        if (known := os.environ.get(PASSPHRASE)) is not None:
            return known
        given: str = click.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True)
        return given

    return answer


class Opened:
    """Opens keys with few questions; never tries a PIN on a device without asking."""

    def __init__(self, folder: KeyFolder, ask: Secret) -> None:
        self._folder, self._ask = folder, ask
        self._given: list[str] = []

    def signer(self, key: EnrolledKey) -> Signer:
        """What signs with the key; raises `KeyUnusable`."""
        if key.uri:
            return self._folder.signer(key, self._ask)
        for known in self._given:
            with suppress(KeyUnusable):
                return self._folder.signer(key, partial(_known, known))
        return self._folder.signer(key, self._remember)

    def _remember(self, prompt: str) -> str:
        self._given.append(self._ask(prompt))
        return self._given[-1]


def _known(passphrase: str, _prompt: str) -> str:
    return passphrase


def online_keys(where: Workspace, folder: KeyFolder, ask: Secret) -> OnlineKeys:
    """The online keys, opened; raises `KeyUnusable` where this machine lacks one.

    A passphrase that opened one key is tried on the next before anybody is asked again.
    """
    roles, keys = where.rules().roles, where.keys()
    opened = Opened(folder, ask)

    def signers(names: Iterable[str], threshold: int) -> tuple[Any, ...]:
        return tuple(opened.signer(enrolled(keys, name)) for name in list(names)[:threshold])

    snapshot, timestamp = roles["snapshot"], roles["timestamp"]
    return OnlineKeys(
        snapshot,
        timestamp,
        signers(snapshot.keys, snapshot.threshold),
        signers(timestamp.keys, timestamp.threshold),
    )


def enrolled(keys: dict[str, EnrolledKey], name: str) -> EnrolledKey:
    """The enrolled key of that name; raises `KeyUnusable`."""
    if name not in keys:
        raise KeyUnusable(
            f"no key {name[:60]!r} is enrolled",
            hint=f"enrolled are {', '.join(keys) or 'none'}; `key new` makes one",
        )
    return keys[name]
