"""Administrators at work: the real verbs on real keys, without a terminal."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from click.testing import CliRunner
from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import Updater
from tuf.ngclient.fetcher import FetcherInterface

from core.image.digest import Digest
from core.list_format.payload import Platform, SignedApproval
from registrar import registrar_clock
from registrar.cli.registrar_main import cli
from registrar.workspace import Workspace

PASSPHRASE = "correct horse battery"


class FolderFetcher(FetcherInterface):
    """Lets TUF's stock client read a folder."""

    def _fetch(self, url: str) -> Iterator[bytes]:
        path = Path(url.removeprefix("file://"))
        if not path.is_file():
            raise DownloadHTTPError(f"no {path}", 404)
        yield path.read_bytes()


class Ceremony:
    """A workspace and everybody's private keys, below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "work"
        self.keys = folder / "keys"

    @property
    def workspace(self) -> Workspace:
        return Workspace.open(self.path)

    @property
    def repository(self) -> Path:
        return self.path / "repository"

    def run(self, *arguments: str, code: int = 0, typed: str | None = None) -> str:
        """One command; its standard output and standard error."""
        known = {"DOCKWARDEN_KEYS": str(self.keys), "DOCKWARDEN_PASSPHRASE": PASSPHRASE}
        result = CliRunner().invoke(
            cli, ["-C", str(self.path), *arguments], env={**os.environ, **known}, input=typed
        )
        assert result.exit_code == code, result.output
        return result.output

    def start(self, *, solo: bool = True, git: bool = False) -> "Ceremony":
        mode = ["--solo"] if solo else []
        kept = "--git" if git else "--no-git"
        self.run("init", *mode, kept, "--organization", "acme", str(self.path))
        return self

    def start_team(self) -> "Ceremony":
        """ann, bob and cid; two have to sign, root too."""
        self.start(solo=False)
        for name in ("ann", "bob", "cid"):
            self.run("key", "new", name, "--role", "administrator")
        for role in ("snapshot", "timestamp"):
            self.run("key", "new", f"online-{role}", "--role", role)
        self.run("scope", "set-threshold", "root", "2")
        self.run("scope", "add", "acme")
        return self

    def signed_by(self, *names: str) -> "Ceremony":
        for name in names:
            self.run("sign", "--key", name, "--yes")
        return self

    def approve(self, *numbers: int, scope: str = "acme", days: int = 90) -> None:
        draft = self.workspace.draft(scope)
        new = {a.id: a for a in (approval(n, days=days) for n in numbers)}
        self.workspace.save(replace(draft, approvals=draft.approvals | new), "approve")

    def read(self, path: str, cache: Path, *, root: int = 1) -> bytes:
        """A payload document as TUF's stock client reads it, starting from a root it was given."""
        cache.mkdir(exist_ok=True)
        trusted = (self.repository / f"metadata/{root}.root.json").read_bytes()
        client = Updater(
            str(cache),
            f"file://{self.repository}/metadata/",
            str(cache),
            f"file://{self.repository}/targets/",
            fetcher=FolderFetcher(),
            bootstrap=trusted,
        )
        found = client.get_targetinfo(path)
        assert found is not None
        return Path(client.download_target(found)).read_bytes()


def digest(number: int, kind: str) -> Digest:
    return Digest.of(f"{kind} {number}".encode())


def approval(number: int, *, days: int = 90) -> SignedApproval:
    begin = registrar_clock.now() - timedelta(days=1)
    platform = Platform(
        "linux/amd64", digest(number, "manifest"), digest(number, "config"), digest(number, "chain")
    )
    return SignedApproval(
        f"registry.acme.example/team/app-{number}",
        (platform,),
        begin,
        begin + timedelta(days=days),
        index=digest(number, "index"),
        tags=("1",),
        requester="dev",
        approvers=("ann",),
    )
