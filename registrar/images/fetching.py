"""Fetches public images into the private registry's quarantine, and copies approved ones on.

Nothing in quarantine is approved: hosts pull from below the prefix for approved images only, and
only what a signed list approves is copied there.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from core.base_errors import DockwardenError
from core.image.reference import Reference, normalise
from core.list_format.payload import SignedApproval
from registrar.images.resolve import ResolvedImage, resolve
from registrar.registry import Registries
from registrar.transfer.copying import Copied, Progress, copy_image
from registrar.transfer.image_tree import ImageTree, read_tree
from registrar.transfer.registry_repository import RegistryRepository
from registrar.transfer.transfer_ports import ImageTarget
from registrar.workspace import PrivateRegistry

_AT_ONCE: Final = 8  # requests whether an image is there

Progresses = Callable[[str, ImageTree], Progress]  # begins the display of one copy


@dataclass(frozen=True, slots=True)
class Fetched:
    """A public image with all its digests, and where its copy lies."""

    image: ResolvedImage
    place: str
    copied: Copied


@dataclass(frozen=True, slots=True)
class Promoted:
    """An approved image that was copied, or the error that kept it from being copied."""

    approval: SignedApproval
    outcome: Copied | DockwardenError


def fetch(
    text: str, registries: Registries, target: ImageTarget, progresses: Progresses
) -> Fetched:
    """Resolve a reference once, then copy just that content with everything that refers to it.

    Raises `InvalidReference`, `RegistryError` and, for what is not a whole image, `NotAsClaimed`.
    """
    image = resolve(text, registries)
    source = repository(image.reference, registries)
    tree = read_tree(source, source.manifest(image.id))
    progress = progresses(image.repository, tree)
    copied = copy_image(source, target, tree, tags=image.tags, progress=progress)
    return Fetched(image, target.name, copied)


def to_resolve(text: str, registry: PrivateRegistry | None) -> str:
    """The reference at which an image to approve is found: its fetched copy, where the workspace
    names a registry; else as it was typed."""
    if registry is None:
        return text
    return str(registry.in_quarantine(normalise(Reference.parse(text))))


def as_approved(image: ResolvedImage, registry: PrivateRegistry | None) -> ResolvedImage:
    """A fetched image under the name that it will have once its approval is published."""
    if registry is None:
        return image
    return replace(image, reference=registry.approved_for(image.reference))


def missing(
    approvals: Sequence[SignedApproval], registry: PrivateRegistry, registries: Registries
) -> list[SignedApproval]:
    """Approved images whose copies are not where hosts pull them from. Raises `RegistryError`."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="look") as pool:
        there = pool.map(lambda one: _is_there(one, registries), approvals)
        return [
            one
            for one, is_there in zip(approvals, there, strict=True)
            if not is_there and registry.fetched_for(_reference(one)) is not None
        ]


def promote(
    approvals: Sequence[SignedApproval],
    registry: PrivateRegistry,
    registries: Registries,
    progresses: Progresses,
) -> list[Promoted]:
    """Copy approved images from quarantine to where hosts pull them. One that fails does not keep
    the others back."""
    done = []
    for approval in approvals:
        try:
            outcome: Copied | DockwardenError = _promote(approval, registry, registries, progresses)
        except DockwardenError as error:
            outcome = error
        done.append(Promoted(approval, outcome))
    return done


def repository(reference: Reference, registries: Registries) -> RegistryRepository:
    """A registry's repository as an end of a copy."""
    return RegistryRepository(registries.client(reference.domain), reference.path)


def _promote(
    approval: SignedApproval,
    registry: PrivateRegistry,
    registries: Registries,
    progresses: Progresses,
) -> Copied:
    approved = _reference(approval)
    source = repository(registry.fetched_for(approved) or approved, registries)
    tree = read_tree(source, source.manifest(approval.id))
    progress = progresses(approval.repository, tree)
    target = repository(approved, registries)
    return copy_image(source, target, tree, tags=approval.tags, progress=progress)


def _is_there(approval: SignedApproval, registries: Registries) -> bool:
    reference = _reference(approval)
    client = registries.client(reference.domain)
    return client.head(reference.path, approval.id) is not None


def _reference(approval: SignedApproval) -> Reference:
    return normalise(Reference.parse(approval.repository))
