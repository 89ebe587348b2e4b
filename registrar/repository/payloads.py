"""A scope's draft as payload documents and the metadata that names them; signs nothing."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from tuf.api.metadata import Metadata, TargetFile, Targets

from core.image.digest import Digest
from core.list_format.payload import DOCUMENT_LIMIT, EMERGENCY, ScopeDenies
from core.list_format.payload_next import next_list
from core.list_format.payload_read import read_denies, read_list
from core.list_format.payload_write import write_denies, write_list
from registrar.registrar_errors import NotReady
from registrar.repository.metadata_tree import Files, Layered, denies_in, listing_in, said_in
from registrar.workspace import Draft, Rule

_MOST_TOLD: Final = 5


def desired_scope(
    draft: Draft, rule: Rule, old: Metadata[Targets] | None, files: Files, now: datetime
) -> tuple[Metadata[Targets], dict[str, bytes]]:
    """The scope's next metadata, unsigned, and the files it names that are not in `files` yet.

    Raises `InvalidAllowlist` for a draft that no host would read and `NotReady` for one that
    forgets what must stay.
    """
    before = said_in(old, draft.scope, files) if old else Draft(draft.scope)
    check_kept(before, draft, now)
    layered = Layered({}, files)
    documents = {f"{draft.scope}/deny.json": _denies(draft, old, before, files)}
    if draft.scope != EMERGENCY:
        documents[f"{draft.scope}/list.json"] = _list(draft, old, before, layered, now)
    targets = {
        path: TargetFile.from_data(path, data, ["sha256"]) for path, data in documents.items()
    }
    for path, target in targets.items():
        layered.files[f"targets/{target.get_prefixed_paths()[0]}"] = documents[path]
    version = old.signed.version + 1 if old else 1
    signed = Targets(version=version, expires=now + rule.lifetime, targets=targets)
    return Metadata(signed), layered.files


def check_kept(before: Draft, after: Draft, now: datetime) -> None:
    """Raise `NotReady` where an approval was deleted instead of revoked, or a revocation removed
    that still meets an approval: hosts must hear of both for as long as the approval lasts."""
    lost = [
        approval
        for key, approval in before.approvals.items()
        if key not in after.approvals and approval.expires_at > now
    ]
    if lost:
        named = ", ".join(f"{a.repository} ({a.id.short})" for a in lost[:_MOST_TOLD])
        raise NotReady(
            f"{after.scope}: approvals were deleted that have not expired: {named}",
            hint="put their files back (`git checkout`), then `image revoke` them",
        )
    alive: set[Digest] = set()
    for approval in after.approvals.values():
        if approval.expires_at > now:
            alive |= approval.plain.digests
    for deny in before.denies:
        if deny.revoked and deny not in after.denies and deny.digests & alive:
            raise NotReady(
                f"{after.scope}: a revocation was removed whose image is still approved:"
                f" {deny.reason}",
                hint="restore it; to allow the image again, `image approve` it again after the"
                " approval has expired",
            )


def check_two_people(draft: Draft, now: datetime) -> None:
    """Raise `NotReady` where somebody approved what only they asked for."""
    for approval in draft.approvals.values():
        if approval.expires_at > now and set(approval.approvers) <= {approval.requester}:
            raise NotReady(
                f"{draft.scope}: {approval.requester} asked for {approval.repository}"
                f" ({approval.id.short}) and approved it",
                hint="have another administrator approve it; a scope that permits this has"
                " requester_may_approve in its scope.toml",
            )


def _denies(draft: Draft, old: Metadata[Targets] | None, before: Draft, files: Files) -> bytes:
    sequence = denies_in(old, draft.scope, files).sequence if old else 0
    changed = old is None or before.denies != draft.denies
    data = write_denies(ScopeDenies(draft.scope, sequence + changed, draft.denies))
    _check_size(f"{draft.scope}/deny.json", data, "remove denies of images that nobody can pull")
    read_denies(data, draft.scope)
    return data


def _list(
    draft: Draft,
    old: Metadata[Targets] | None,
    before: Draft,
    blobs: Layered,
    now: datetime,
) -> bytes:
    previous = listing_in(old, draft.scope, blobs) if old else None
    listing = next_list(
        replace(draft.listing, published_at=now), previous, before.approvals.values(), blobs
    )
    data = write_list(listing)
    _check_size(f"{draft.scope}/list.json", data, "withdraw waivers that have ended")
    read_list(data, draft.scope)
    return data


def _check_size(name: str, data: bytes, fix: str) -> None:
    if len(data) > DOCUMENT_LIMIT:
        raise NotReady(f"{name}: {len(data)} bytes, {DOCUMENT_LIMIT} at most", hint=fix)
