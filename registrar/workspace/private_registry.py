"""Where in the private registry images lie: those that were only fetched, and the approved ones.

A public image keeps its whole name below a prefix: `docker.io/library/nginx` is approved as
`registry.acme.example/approved/docker.io/library/nginx`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from core.image.reference import Reference, is_repository
from registrar.registrar_errors import wrong

_KEYS: Final = ("address", "quarantine", "approved")


@dataclass(frozen=True, slots=True)
class PrivateRegistry:
    """`address` is a registry's domain with its port; the prefixes are paths within it."""

    address: str
    quarantine: str = "quarantine"
    approved: str = "approved"

    def in_quarantine(self, image: Reference) -> Reference:
        """Where the fetched copy of a public image lies; tag and digest stay. An image of this
        registry itself stays where it is."""
        if image.domain == self.address:
            return image
        upstream = image.domain.lower().replace(":", "_")  # a path has no colon
        path = f"{self.quarantine}/{upstream}/{image.path}"
        return replace(image, domain=self.address, path=path)

    def approved_for(self, fetched: Reference) -> Reference:
        """Where the approved copy of a fetched image lies; other images stay where they are."""
        return self._moved(fetched, self.quarantine, self.approved) or fetched

    def fetched_for(self, approved: Reference) -> Reference | None:
        """Where the fetched copy of an approved image lies; None for one that was not fetched."""
        return self._moved(approved, self.approved, self.quarantine)

    def _moved(self, image: Reference, here: str, there: str) -> Reference | None:
        if image.domain != self.address or not image.path.startswith(f"{here}/"):
            return None
        return replace(image, path=f"{there}/{image.path.removeprefix(f'{here}/')}")


def read_registry(at: str, table: Any) -> PrivateRegistry | None:
    """The table `[registry]`; None where there is none. Raises `WorkspaceInvalid`."""
    if table is None:
        return None
    if not isinstance(table, Mapping):
        raise wrong(at, "it is not a table", "write [registry] and its keys")
    for key, value in table.items():
        if key not in _KEYS:
            raise wrong(at, f"unknown key {key[:60]!r}", f"known are {', '.join(_KEYS)}")
        if not isinstance(value, str):
            raise wrong(f"{at}.{key}", "it is not a text", "put it in quotes")
    found = PrivateRegistry(**{"address": "", **table})
    if "/" in found.address or not is_repository(f"{found.address}/x"):
        raise wrong(
            f"{at}.address",
            f"{found.address[:100]!r} is not a registry's name",
            'write "registry.acme.example", with the port if it is not 443',
        )
    for key in ("quarantine", "approved"):
        prefix = getattr(found, key)
        if not is_repository(prefix):
            raise wrong(f"{at}.{key}", f"{prefix[:100]!r} is no path", f'write "{key}"')
    if found.quarantine == found.approved:
        raise wrong(f"{at}.quarantine", "it is the same as approved", 'write "quarantine"')
    return found


def registry_text(registry: PrivateRegistry) -> str:
    """The inverse of `read_registry`."""
    return "".join(f'{key} = "{getattr(registry, key)}"\n' for key in _KEYS)
