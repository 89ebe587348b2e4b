"""What one scope is to say, as small JSON files and as values; knows no signatures."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from core.allowlist.allowlist import Constraints, Deny, Waiver
from core.base_errors import InvalidAllowlist
from core.image.digest import Digest
from core.list_format.payload import (
    EMERGENCY,
    EMPTY_STATE,
    FORMAT,
    ScopeDenies,
    ScopeList,
    SignedApproval,
    StalePolicy,
)
from core.list_format.payload_fields import Fields, decoded
from core.list_format.payload_lines import approval_at
from core.list_format.payload_read import read_denies, read_list
from core.list_format.payload_write import approval_document, write_denies, write_list

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
# What the payload has and a draft lacks: publishing fills these in.
_UNSET: Final[dict[str, Any]] = {
    "sequence": 0,
    "published_at": "1970-01-01T00:00:00Z",
    "count": 0,
    "state": EMPTY_STATE,
    "approvals": [],
}


@dataclass(frozen=True, slots=True)
class Draft:
    """All that a scope is to say once it is signed; approvals by their id.

    The drafts of `emergency` hold nothing but denies that end.
    """

    scope: str
    approvals: dict[Digest, SignedApproval] = field(default_factory=dict)
    denies: tuple[Deny, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    constraints: Constraints = field(default_factory=Constraints)
    policy: StalePolicy | None = None
    contact: str = ""

    @property
    def listing(self) -> ScopeList:
        """As a list that is not yet published."""
        return ScopeList(
            scope=self.scope,
            sequence=0,
            published_at=_LONG_AGO,
            count=0,
            state=EMPTY_STATE,
            contact=self.contact,
            constraints=self.constraints,
            waivers=self.waivers,
            policy=self.policy,
            approvals=tuple(self.approvals.values()),
        )


def read_draft(directory: Path, scope: str) -> Draft:
    """The draft in `scopes/<scope>`; missing files say nothing. Raises `InvalidAllowlist` naming
    file and JSON path, or `OSError`."""
    at = f"scopes/{scope}"
    denies: tuple[Deny, ...] = ()
    listing = Draft(scope).listing
    if (data := _bytes(directory / "deny.json")) is not None:
        denies = read_denies(_filled(data, f"{at}/deny.json", ("sequence",)), scope).denies
    if (data := _bytes(directory / "list.json")) is not None:
        listing = read_list(_filled(data, f"{at}/list.json", tuple(_UNSET)), scope)
    return Draft(
        scope,
        dict(_approval(path, at) for path in sorted(directory.glob("approvals/??/*.json"))),
        denies,
        listing.waivers,
        listing.constraints,
        listing.policy,
        listing.contact,
    )


def draft_files(draft: Draft) -> dict[str, bytes]:
    """Every file of the draft by its path in the scope's folder."""
    empty = draft.listing
    said = json.loads(write_list(_without_approvals(empty)))
    files = {
        "deny.json": _pretty(_without(json.loads(write_denies(_denies(draft))), ("sequence",))),
    }
    if draft.scope != EMERGENCY:
        files["list.json"] = _pretty(_without(said, tuple(_UNSET)))
    for approval in draft.approvals.values():
        files[approval_file(approval.id)] = _pretty(_kept(approval_document(approval)))
    return files


def approval_file(digest: Digest) -> str:
    """Where an approval's file lies in its scope's folder."""
    return f"approvals/{digest.hex[:2]}/{digest.hex}.json"


def _denies(draft: Draft) -> ScopeDenies:
    return ScopeDenies(draft.scope, 0, draft.denies)


def _without_approvals(listing: ScopeList) -> ScopeList:
    return ScopeList(
        listing.scope,
        listing.sequence,
        listing.published_at,
        0,
        EMPTY_STATE,
        listing.contact,
        listing.constraints,
        listing.waivers,
        listing.policy,
    )


def _approval(path: Path, at: str) -> tuple[Digest, SignedApproval]:
    name = f"{at}/approvals/{path.parent.name}/{path.name}: $"
    approval = approval_at(Fields(name, decoded(path.read_bytes(), name)))
    if path.stem != approval.id.hex:
        raise InvalidAllowlist(
            f"{name}.id: it is not what the file is named after",
            hint=f"rename it to {approval_file(approval.id)}",
        )
    return approval.id, approval


def _filled(data: bytes, at: str, keys: tuple[str, ...]) -> bytes:
    document = decoded(data, at)
    for key in keys:
        if key in document:
            raise InvalidAllowlist(
                f"{at}: $.{key}: publishing writes this", hint="remove the key from the draft"
            )
        document[key] = _UNSET[key]
    return json.dumps(document).encode()


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _kept(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value not in (None, "", [])}


def _without(document: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {"format": FORMAT} | {k: v for k, v in document.items() if k not in keys}


def _pretty(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"
