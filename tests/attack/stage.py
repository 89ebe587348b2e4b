"""Where an attack is staged: administrators, their server, one host that has adopted their list."""

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self, TypedDict, Unpack

from agent.helpers.sync.sync_request import Request, SyncReport
from agent.helpers.sync.sync_run import sync
from tests.attack.server import Server, serving
from tests.patience import PATIENCE
from tests.sync.documents import NOW
from tests.sync.enforced import Enforced
from tests.sync.repository import SignedRepository

HOST_SCOPE = "acme.pay.web"
SCOPES = ("acme", "acme.ops", "acme.pay", HOST_SCOPE)


class Stage:
    """`admins` published twice, the second time revoking `old`; the host adopted that.

    `files` is all that was published then, `first_files` what was before. An attack changes the
    folder (through `thief`, who has every key and must say which ones he uses), the server, the
    host's clock `now`, or its `directory`.
    """

    def __init__(self, directory: Path, *, long: bool = False, over_files: bool = False) -> None:
        self._open = ExitStack()
        self.now = NOW
        self.deadline, self.fetch_limit = PATIENCE, PATIENCE  # s
        self.directory = directory / "host"
        self.admins = SignedRepository(
            directory / "repository", SCOPES, long=(HOST_SCOPE,) if long else ()
        )
        self.root_file = directory / "root.json"
        self.root_file.write_bytes(self.admins.root_file.read_bytes())
        self.server: Server = self._open.enter_context(serving(self.admins.path))
        self.source = self.admins.url if over_files else self.server.url
        self.admins.deny("acme", "evil")
        self.admins.approve("acme", "old")
        self.admins.approve("acme.pay", "pay")
        self.admins.approve(HOST_SCOPE, "web")
        self.admins.publish()
        self.first_files = self.admins.files()
        self.admins.deny("acme", "old", revoked=True)
        self.admins.approve(HOST_SCOPE, "web2")
        self.admins.publish()
        self.files = self.admins.files()
        self.thief = self.admins.fork()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def hurry(self) -> None:
        """Short limits, for a server that drips or hangs."""
        self.deadline, self.fetch_limit = 3.0, 1.0

    @property
    def request(self) -> Request:
        """The host's."""
        return Request(
            source=self.source,
            scope=HOST_SCOPE,
            root_file=str(self.root_file),
            directory=str(self.directory),
            now=self.now.timestamp(),
            deadline_seconds=self.deadline,
            fetch_seconds=self.fetch_limit,
        )

    def sync(self, **changes: str | float) -> SyncReport:
        """One sync of the host."""
        return sync(replace(self.request, **changes))  # type: ignore[arg-type] # names by the tests

    def enforced(self) -> Enforced:
        """What the host lives by now."""
        return Enforced.of(self.directory)

    def last_good(self) -> dict[str, bytes]:
        """The payload in force, as it must be after the attack."""
        return dict(self.enforced().payload) if (self.directory / "CURRENT").exists() else {}

    def trusted_root(self) -> int:
        """The version of the newest root that the host trusts."""
        return max(int(p.name.split(".")[0]) for p in (self.directory / "roots").iterdir())

    def later(self, **ago: float) -> None:
        """Let time pass, for the host and for the administrators."""
        self.now += timedelta(**ago)
        self.admins.now = self.thief.now = self.now

    def end_attack(self) -> None:
        """The administrators take their server back as they had left it."""
        self.server.behave()
        for file in list(self.admins.path.rglob("*")):
            is_folder = file.is_dir() and not file.is_symlink()
            if is_folder and file in self.files:
                file.rmdir()
            elif not is_folder:
                file.unlink()
        for file, data in self.files.items():
            file.write_bytes(data)

    def forget(self, *names: str) -> None:
        """Remove these (or all generations) from the host's directory."""
        for name in names or ("CURRENT", *(p.name for p in self.directory.glob("[0-9]*"))):
            path = self.directory / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()


Mount = Callable[[Stage], None]


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack. `power` is what the attacker holds. `silent` ones change nothing that a host
    reads, so that nobody needs telling. `wipes` ones leave the host without a list. `stock` is
    what the stock client does where it is not simply run (`run`)."""

    name: str
    power: str
    mount: Mount
    silent: bool = False
    wipes: bool = False
    long: bool = False
    over_files: bool = False
    stock: str = "run"


ATTACKS: dict[str, Attack] = {}


class Options(TypedDict, total=False):
    """Those of `Attack` that have a default."""

    silent: bool
    wipes: bool
    long: bool
    over_files: bool
    stock: str


def attack(power: str, **options: Unpack[Options]) -> Callable[[Mount], Mount]:
    """Put a function that mounts an attack into the catalogue under its own name."""

    def enter(mount: Mount) -> Mount:
        add(mount.__name__, power, mount, **options)
        return mount

    return enter


def add(name: str, power: str, mount: Mount, **options: Unpack[Options]) -> None:
    """Put an attack into the catalogue; a name is given once."""
    name = name.replace("_", "-")
    if name in ATTACKS:
        raise ValueError(f"two attacks are called {name}")
    ATTACKS[name] = Attack(name, power, mount, **options)
