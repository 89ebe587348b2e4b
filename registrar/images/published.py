"""What a published tree says, read without its keys: for a preview, never for a verdict that
counts. Hosts verify every signature."""

from pathlib import Path

from registrar.images.lookup import NotFound
from registrar.keys.key_folder import name_of
from registrar.repository.metadata_tree import Published, said_in
from registrar.workspace import Draft


def published_draft(directory: Path, scope: str) -> Draft | None:
    """What the newest list of the scope says; None where it was never published. Raises
    `RepositoryBroken` and `InvalidAllowlist`."""
    published = Published(directory)
    metadata = published.role(scope)
    return said_in(metadata, scope, published) if metadata else None


def demanded_draft(directory: Path, scope: str) -> Draft:
    """The same; `NotFound` where it was never published."""
    found = published_draft(directory, scope)
    if found is None:
        raise NotFound(
            f"{directory}: {scope} is not published there",
            hint="`publish` it first, or leave out --published to evaluate by the drafts",
        )
    return found


def signers_of(directory: Path, scope: str) -> tuple[str, ...]:
    """The names of those whose keys have signed the scope's newest list."""
    published = Published(directory)
    metadata, targets = published.role(scope), published.targets()
    if metadata is None or targets is None or targets.signed.delegations is None:
        return ()
    keys = targets.signed.delegations.keys
    return tuple(sorted(name_of(keys[one]) for one in metadata.signatures if one in keys))
