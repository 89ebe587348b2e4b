"""Builds valid signed repositories, and any wrong one, for tests; knows no code that reads them."""

import copy
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import Signer
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from tests.sync.documents import NOW, Document, ScopeContent, approval, deny
from tests.sync.roles import EMERGENCY, TOP, delegations_of, new_key, root_of

DAYS = {"root": 365, "targets": 365, "snapshot": 30, "timestamp": 1, EMERGENCY: 30}
SCOPE_DAYS = 180
LIST_FIELDS = ("approvals", "waivers", "constraints", "policy", "contact", "extra")
THRESHOLDS = {"snapshot": 1, "timestamp": 1}  # every other role's is 2


class SignedRepository:
    """A repository under `path`, published by hand: change it, then `publish()`.

    `scopes` may hold more than one host's chain. `keys[role]` are the role's signers (one more
    than its threshold, at least two), `roles[role]` its metadata as it was signed last, to be
    changed and released again by an attacker; `contents[scope]` what a scope says. `now` is
    the administrators' clock.
    """

    def __init__(
        self,
        path: Path,
        scopes: Iterable[str] = ("acme", "acme.pay"),
        *,
        thresholds: Mapping[str, int] | None = None,
        long: Iterable[str] = (),
        now: datetime = NOW,
    ) -> None:
        self.path = path
        self.now = now
        self.scopes = tuple(scopes)
        names = (*TOP, EMERGENCY, *self.scopes)
        self.thresholds = {n: (thresholds or {}).get(n, THRESHOLDS.get(n, 2)) for n in names}
        self.keys: dict[str, list[Signer]] = {
            name: [new_key(f"{name}-{i + 1}") for i in range(count + 1)]
            for name, count in self.thresholds.items()
        }
        self.contents = {s: ScopeContent(s, long=s in set(long)) for s in self.scopes}
        self.contents[EMERGENCY] = ScopeContent(EMERGENCY)
        self.roles: dict[str, Metadata[Any]] = {}
        self._published: dict[str, tuple[str, str]] = {}
        for folder in ("metadata", "targets", "blobs"):
            (path / folder).mkdir(parents=True)
        empty: dict[str, Signed] = {n: Targets() for n in ("targets", EMERGENCY, *self.scopes)}
        empty |= {"root": Root(), "snapshot": Snapshot(), "timestamp": Timestamp()}
        for name, signed in empty.items():
            signed.version = 0  # none is out
            self.roles[name] = Metadata(signed)
        self.publish_keys()

    @property
    def root_file(self) -> Path:
        """The first root, as a host is given it."""
        return self.path / "metadata" / "1.root.json"

    @property
    def url(self) -> str:
        """The repository as a `file://` source."""
        return self.path.as_uri()

    def approve(self, scope: str, what: str | Document) -> Document:
        """Approve an image, by its name or by its whole approval document."""
        document = approval(what, at=self.now) if isinstance(what, str) else what
        self.contents[scope].approvals[document["id"]] = document
        return document

    def drop(self, scope: str, name: str) -> None:
        """Take an approval off the list: what becomes of expired ones."""
        del self.contents[scope].approvals[approval(name)["id"]]

    def deny(self, scope: str, what: str | Document, **changes: Any) -> Document:
        """Deny an image, by its name or by its whole deny document."""
        document = deny(what, at=self.now, **changes) if isinstance(what, str) else what
        self.contents[scope].denies.append(document)
        return document

    def publish(self) -> None:
        """Sign and write every scope that changed, then snapshot and timestamp."""
        changed = [scope for scope in (EMERGENCY, *self.scopes) if self._draft(scope)]
        for scope in changed:
            self.release(scope)
        if changed:
            self.release("snapshot")
        self.release("timestamp")

    def overtake(self, other: "SignedRepository") -> None:
        """Sign everything but the root again, with versions above those of another signer."""
        for role in self.roles.keys() - {"root"}:
            signed = self.roles[role].signed
            signed.version = max(signed.version, other.roles[role].signed.version)
        self.renew()

    def renew(self) -> None:
        """Sign everything but the root again, with new ends."""
        for role in ("targets", EMERGENCY, *self.scopes, "snapshot", "timestamp"):
            self.release(role)

    def publish_keys(self, *, root: bool = True, signers: Iterable[Signer] = ()) -> None:
        """Write a root (signed by `signers` besides its own keys) and targets of today's keys."""
        if root:
            version = self.roles["root"].signed.version
            self.roles["root"] = Metadata(root_of(self.keys, self.thresholds, version))
            self.release("root", signers=(*self.keys["root"], *signers))
        names = (EMERGENCY, *self.scopes)
        self.roles["targets"].signed.delegations = delegations_of(names, self.keys, self.thresholds)
        self.release("targets")
        self.release("snapshot")
        self.release("timestamp")

    def release(
        self, role: str, *, signers: Iterable[Signer] | None = None, version: int | None = None
    ) -> bytes:
        """Sign a role's metadata as it stands as its next version and write it; its bytes."""
        signed: Signed = self.roles[role].signed
        signed.version = signed.version + 1 if version is None else version
        signed.expires = self.now + timedelta(days=DAYS.get(role, SCOPE_DAYS))
        if isinstance(signed, Timestamp):
            signed.snapshot_meta = MetaFile(self.roles["snapshot"].signed.version)
        return self.resign(role, signers=signers)

    def resign(self, role: str, *, signers: Iterable[Signer] | None = None) -> bytes:
        """Sign a role's metadata with its version and end as they are, and write it; its bytes."""
        metadata = self.roles[role]
        metadata.signatures.clear()
        for signer in self.keys[role] if signers is None else signers:
            metadata.sign(signer, append=True)
        if role not in {"root", "timestamp", "snapshot"}:
            self.roles["snapshot"].signed.meta[f"{role}.json"] = MetaFile(metadata.signed.version)
        data = metadata.to_bytes()
        self.file(role).write_bytes(data)
        return data

    def file(self, role: str, version: int | None = None) -> Path:
        """The file that holds this version of a role's metadata (the newest one by default)."""
        number = self.roles[role].signed.version if version is None else version
        prefix = "" if role == "timestamp" else f"{number}."
        return self.path / "metadata" / f"{prefix}{role}.json"

    def put_target(self, role: str, path: str, data: bytes) -> Path:
        """Name a payload file in a role's metadata (unsigned as yet), and write it."""
        info = TargetFile.from_data(path, data, ["sha256"])
        self.roles[role].signed.targets[path] = info
        folder, _, name = path.rpartition("/")
        file = self.path / "targets" / folder / f"{info.hashes['sha256']}.{name}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        return file

    def put_blob(self, data: bytes) -> Document:
        """Write a blob; its `sha256` and `length`."""
        name = hashlib.sha256(data).hexdigest()
        (self.path / "blobs" / name).write_bytes(data)
        return {"sha256": name, "length": len(data)}

    def draft(self, scope: str, *, edit: Callable[[str, bytes], bytes] | None = None) -> None:
        """Write a scope's payload files, not its signature; `edit` may spoil them by name."""
        content = self.contents[scope]
        documents = {"deny.json": content.deny_document()}
        if scope != EMERGENCY:
            documents["list.json"] = content.list_document(self.now, self.put_blob)
        for name, document in documents.items():
            data = json.dumps(document).encode()
            self.put_target(scope, f"{scope}/{name}", edit(name, data) if edit else data)

    def files(self) -> dict[Path, bytes]:
        """All that is published, for putting back later."""
        return {file: file.read_bytes() for file in self.path.rglob("*") if file.is_file()}

    def put_back(self, files: Mapping[Path, bytes], *names: str) -> None:
        """What these files once were; `names` picks some by the end of their path."""
        for file, data in files.items():
            if not names or str(file).endswith(names):
                file.write_bytes(data)

    def fork(self) -> "SignedRepository":
        """Another hand over the same files and keys, which this one knows nothing of."""
        twin = copy.copy(self)
        twin.keys = {role: list(signers) for role, signers in self.keys.items()}
        twin.thresholds = dict(self.thresholds)
        twin.roles, twin.contents, twin._published = copy.deepcopy(
            (self.roles, self.contents, self._published)
        )
        return twin

    def _draft(self, scope: str) -> bool:
        content = self.contents[scope]
        denies = repr((content.denies, content.extra_denies))
        listing = repr({n: v for n, v in vars(content).items() if n in LIST_FIELDS})
        before = self._published.get(scope, ("", ""))
        if before == (denies, listing):
            return False
        self._published[scope] = denies, listing
        content.deny_sequence += before[0] != denies
        content.sequence += before[1] != listing
        self.draft(scope)
        return True
