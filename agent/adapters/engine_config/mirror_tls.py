"""Which entries of an engine's insecure registries take TLS away from the mirror.

An entry may be a network, which covers the mirror by the addresses that its name means; so the
name is looked up, but only where there is such an entry.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from agent.merging.merge_engine import EngineWish, insecure_entries, names_network, takes_tls
from core.json_scan import decoded

Lookup = Callable[[str], Iterable[str]]


class MirrorTls:
    """Knows the mirror's addresses as far as they were needed. `lookup` says which addresses a host
    name means, or raises `OSError`; it waits for the resolver."""

    def __init__(self, wish: EngineWish, lookup: Lookup) -> None:
        self._wish, self._lookup = wish, lookup
        self.unresolved = ""  # why some entry could not be judged, in words

    def wish_for(self, data: bytes | None) -> EngineWish:
        """The wish with all that the file's entries must be compared with. Raises `InvalidFile`."""
        return self._compared_with(insecure_entries(decoded(data or b"")))

    def lost_to(self, entries: Sequence[str]) -> list[str]:
        """Those of the entries that take TLS away from the mirror."""
        wish = self._compared_with(entries)
        return [entry for entry in entries if takes_tls(entry, wish)]

    def _compared_with(self, entries: Iterable[str]) -> EngineWish:
        """A name that is not answered keeps what it meant before."""
        networks = [entry for entry in entries if names_network(entry)]
        url = urlsplit(self._wish.mirror)
        if not networks or url.scheme != "https" or not url.hostname:
            return self._wish
        try:
            found, failure = frozenset(self._lookup(url.hostname)), "it has no address"
        except (OSError, UnicodeError) as error:  # UnicodeError: no possible host name
            found, failure = frozenset(), str(error)
        self.unresolved = ""
        if not found:
            self.unresolved = (
                f"whether {', '.join(networks)} takes TLS away from {self._wish.mirror} is not "
                f"known: {url.hostname} could not be resolved ({failure})"
            )
        self._wish = replace(self._wish, addresses=found or self._wish.addresses)
        return self._wish
