"""What waits for signatures, a folder a role: the metadata, a file a signature, the payload.

Signatures are files of their own, so that two administrators who sign at the same time merge under
git. Knows no rule and counts nothing.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from securesystemslib.signer import Signature
from tuf.api.metadata import Metadata

from registrar.registrar_errors import WorkspaceInvalid
from registrar.repository.metadata_tree import file_of, metadata_of
from registrar.workspace import Workspace

_METADATA: Final = "metadata.json"


@dataclass(frozen=True, slots=True)
class PendingRole:
    """Metadata with the signatures that it has so far, and the new files that it names, by their
    path in the repository."""

    role: str
    metadata: Metadata[Any]
    files: dict[str, bytes]

    def signed_name(self) -> str:
        """What the change is called in a sentence."""
        return f"{self.role} (version {self.metadata.signed.version})"


def pending_roles(workspace: Workspace) -> dict[str, PendingRole]:
    """All that waits; raises `WorkspaceInvalid` or `RepositoryBroken` naming the file."""
    folders = sorted(path.parent for path in workspace.pending.glob(f"*/{_METADATA}"))
    return {folder.name: _read(folder) for folder in folders}


def save_pending(workspace: Workspace, pending: PendingRole, message: str) -> None:
    """Put it there, unsigned, in place of what waited for that role."""
    folder = workspace.pending / pending.role
    files = {folder / path: data for path, data in pending.files.items()}
    files[folder / _METADATA] = file_of(Metadata(pending.metadata.signed))
    workspace.write(files, message, gone=[path for path in _all(folder) if path not in files])


def save_signatures(
    workspace: Workspace, signed: Sequence[tuple[str, str, Signature]], message: str
) -> None:
    """Add signatures: role, the signer's name, the signature; one commit."""
    files = {
        workspace.pending / role / "signatures" / f"{name}.json": _signature_file(signature)
        for role, name, signature in signed
    }
    workspace.write(files, message)


def drop_pending(workspace: Workspace, roles: Sequence[str], message: str) -> None:
    """Remove what waited for these roles."""
    gone = [path for role in roles for path in _all(workspace.pending / role)]
    workspace.write({}, message, gone=gone)


def _read(folder: Path) -> PendingRole:
    at = f"pending/{folder.name}"
    metadata = metadata_of((folder / _METADATA).read_bytes(), f"{at}/{_METADATA}")
    for path in sorted(folder.glob("signatures/*.json")):
        signature = _signature(path, f"{at}/signatures/{path.name}")
        metadata.signatures[signature.keyid] = signature
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for kind in ("targets", "blobs")
        for path in _all(folder / kind)
    }
    return PendingRole(folder.name, metadata, files)


def _signature(path: Path, at: str) -> Signature:
    try:
        found = json.loads(path.read_bytes())
        return Signature(str(found["keyid"]), str(found["sig"]))
    except (ValueError, KeyError, TypeError) as error:
        raise WorkspaceInvalid(f"{at}: no signature", hint="remove the file, sign again") from error


def _signature_file(signature: Signature) -> bytes:
    document = {"keyid": signature.keyid, "sig": signature.signature}
    return json.dumps(document, indent=2).encode() + b"\n"


def _all(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
