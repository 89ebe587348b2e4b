"""The workspace as one object: finds, reads and durably writes its files, and commits them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from core.allowlist.document import check_scope
from core.durable import make_directory, sync_directory, write_file
from core.list_format.payload import EMERGENCY
from registrar.registrar_errors import WorkspaceInvalid
from registrar.workspace.draft import Draft, draft_files, read_draft
from registrar.workspace.enrolled_keys import EnrolledKey, key_file, read_keys
from registrar.workspace.history import commit
from registrar.workspace.membership import Members
from registrar.workspace.rules import (
    ROLES,
    Rules,
    ScopeRule,
    read_rules,
    read_scope_rule,
    write_rules,
    write_scope_rule,
)

RULES: Final = "registrar.toml"
_MODE: Final = 0o644
_DIRECTORY_MODE: Final = 0o755


class Workspace:
    """A folder that `dockwarden-registrar init` made. Every change is durable and one commit."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Raises `WorkspaceInvalid` where there is none."""
        workspace = cls(Path(path).absolute())
        workspace.rules()
        return workspace

    @property
    def repository(self) -> Path:
        """The signed tree, ready to be served."""
        return self.path / "repository"

    @property
    def pending(self) -> Path:
        """What is built and waits for signatures."""
        return self.path / "pending"

    def rules(self) -> Rules:
        """`registrar.toml`."""
        rules = read_rules(self.path / RULES)
        check_scope_name(rules.organization, f"{RULES}: organization", parent=None)
        return rules

    def keys(self) -> dict[str, EnrolledKey]:
        """Every enrolled public key by its name."""
        return read_keys(self.path / "keys")

    def scopes(self) -> list[str]:
        """Every scope, the organization's first, a parent before its children."""
        folder = self.path / "scopes"
        names = [path.parent.name for path in folder.glob("*/scope.toml")]
        return sorted(name for name in names if name != EMERGENCY)

    def scope_rule(self, scope: str) -> ScopeRule:
        """Who signs the scope."""
        self._check_known(scope)
        return read_scope_rule(self._scope(scope) / "scope.toml")

    def members(self) -> Members:
        """All rules: who may sign what."""
        return Members(self.rules(), {name: self.scope_rule(name) for name in self.scopes()})

    def save_members(
        self, members: Members, message: str, *, key: EnrolledKey | None = None
    ) -> None:
        """Write all rules, and a key that joins with them, as one change."""
        files = {self.path / RULES: write_rules(members.rules)}
        for scope, rule in members.scopes.items():
            files[self._scope(scope) / "scope.toml"] = write_scope_rule(rule)
        if key is not None:
            files[self.path / "keys" / f"{key.name}.json"] = key_file(key)
        self.write(files, message)

    def draft(self, scope: str) -> Draft:
        """What the scope (or `emergency`) is to say; raises `WorkspaceInvalid` for an unknown one
        and `InvalidAllowlist`, naming file and JSON path, for a wrong file."""
        if scope != EMERGENCY:
            self._check_known(scope)
        return read_draft(self._scope(scope), scope)

    def save(self, draft: Draft, message: str) -> None:
        """Write what differs, durably, and commit it: one change, one message.

        Raises `OSError`, or `HistoryFailed` when the files are written but not committed.
        """
        if draft.scope != EMERGENCY:
            self._check_known(draft.scope)
        folder = self._scope(draft.scope)
        files = draft_files(draft)
        gone = [
            path
            for path in folder.glob("approvals/??/*.json")
            if str(path.relative_to(folder)) not in files
        ]
        self.write({folder / name: data for name, data in files.items()}, message, gone=gone)

    def save_rules(self, rules: Rules, message: str) -> None:
        """Write `registrar.toml`."""
        self.write({self.path / RULES: write_rules(rules)}, message)

    def save_scope_rule(self, scope: str, rule: ScopeRule, message: str) -> None:
        """Write a scope's `scope.toml`; makes the scope where there is none yet."""
        check_scope_name(scope, "scope", parent=scope.rpartition(".")[0] or None)
        self.write({self._scope(scope) / "scope.toml": write_scope_rule(rule)}, message)

    def write(
        self, files: Mapping[Path, bytes], message: str, *, gone: Sequence[Path] = ()
    ) -> None:
        """Replace, add and remove files durably, then commit just these."""
        changed = [path for path, data in files.items() if _content(path) != data]
        for path in changed:
            make_directory(path.parent, mode=_DIRECTORY_MODE)
            write_file(path, files[path], mode=_MODE)
        for path in gone:
            path.unlink(missing_ok=True)
        for directory in {path.parent for path in gone}:
            sync_directory(directory)
        self.commit([*changed, *gone], message)

    def commit(self, paths: Iterable[Path], message: str) -> None:
        """Commit just these files, where the workspace is a git work tree; what the online machine
        alone keeps (timestamp, snapshots, a switch on its way) stays out of it."""
        commit(self.path, [path for path in paths if not _is_online(path)], message)

    def _scope(self, scope: str) -> Path:
        return self.path / "scopes" / scope

    def _check_known(self, scope: str) -> None:
        if scope not in (known := self.scopes()):
            raise WorkspaceInvalid(
                f"there is no scope {scope[:100]!r} here",
                hint=f"known are {', '.join(known)}; `scope add` makes another",
            )


def check_scope_name(scope: str, at: str, *, parent: str | None) -> str:
    """The name, once it can be a scope's; raises `InvalidAllowlist` or `WorkspaceInvalid`."""
    check_scope(at, scope, parent)
    if scope in ROLES:
        raise WorkspaceInvalid(
            f"{at}: {scope!r} is the name of a role", hint="choose another name for it"
        )
    return scope


def _is_online(path: Path) -> bool:
    is_metadata = path.parent.name == "metadata" and path.parent.parent.name == "repository"
    return is_metadata and path.name.endswith(("timestamp.json", ".snapshot.json"))


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
