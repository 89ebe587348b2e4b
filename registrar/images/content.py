"""What content a person means: of an approval, of an image in a registry, or one digest alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.image.digest import Digest
from registrar.images.lookup import NotFound, digest_of, every_digest, find
from registrar.images.resolve import resolve
from registrar.registry import Registries
from registrar.workspace import Draft


@dataclass(frozen=True, slots=True)
class Content:
    """`digests` are of manifests and configs, `everything` has the chain IDs too; `name` is for
    people. `alone` reports that nothing but the digest itself was known."""

    name: str
    digests: frozenset[Digest]
    everything: frozenset[Digest]
    alone: bool = False


def content_of(text: str, drafts: Sequence[Draft], registries: Registries) -> Content:
    """By approval where exactly one is meant, else by the registry; a digest without either is
    taken alone. Raises `NotFound` where several approvals are meant, and what `resolve` raises."""
    found = {f.approval.id: f.approval for f in find(text, drafts)}
    if len(found) > 1:
        listed = "\n".join(f"  {a.repository}@{a.id}" for a in found.values())
        raise NotFound(f"{text[:200]!r} means several images:\n{listed}", hint="name one by digest")
    for approval in found.values():
        name = f"{approval.repository}@{approval.id}"
        return Content(name, approval.plain.digests, every_digest(approval))
    if digest := digest_of(text):
        only = frozenset({digest})
        return Content(str(digest), only, only, alone=True)
    image = resolve(text, registries)
    chains = frozenset(p.chain_id for p in image.platforms)
    configs = frozenset(p.config for p in image.platforms)
    manifests = frozenset(p.manifest for p in image.platforms)
    digests = configs | manifests | {image.id}
    return Content(f"{image.repository}@{image.id}", digests, digests | chains)
