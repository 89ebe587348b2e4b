"""The firewall as a layer of the lockdown: sends the desired state to the helper, reads it back.

Nothing is remembered of what is installed; the kernel is asked. Two things go on by themselves
once `start` was called: names are resolved again, and a helper that died is replaced.
"""

import threading
from collections.abc import Callable, Iterable, Sequence

from agent.adapters.egress.difference import Firewall, Observed, differences
from agent.adapters.egress.egress_settings import EgressSettings, Service, nameservers, refusable
from agent.adapters.egress.engine_places import EnginePlace, find
from agent.adapters.egress.firewall_link import FirewallLink
from agent.adapters.egress.resolved_names import Lookup, Names, system_lookup
from agent.errors import LayerFailed
from agent.log import get_logger
from agent.ports import Clock
from agent.ports.lockdown_values import (
    Address,
    Difference,
    Disturbance,
    Drift,
    Egress,
    Endpoint,
    Refusal,
)

REFRESH = 60.0  # s between two questions for what a name means
PATIENCE = 5.0  # s that the first answers may take before the last known ones have to do
_RESTART = 1.0  # s before a helper that died is replaced
_PLACE = "nftables"

log = get_logger(__name__)
Message = Refusal | Disturbance


class EgressFirewall:
    """`ports.Layer`. `Refusal` and `Disturbance` are handed to `sink` from a thread of its own,
    which must not wait. `container_at` names the container that has an address ("" if none).
    `crashed` is called when the thread that resolves names dies of an unforeseen error.

    Methods may be called from any thread, one at a time works.
    """

    name = "firewall"

    def __init__(
        self,
        sink: Callable[[Message], None],
        *,
        settings: EgressSettings,
        clock: Clock,
        lookup: Lookup = system_lookup,
        container_at: Callable[[str], str] = lambda _address: "",
        crashed: Callable[[BaseException], None] | None = None,
    ) -> None:
        self._sink, self._settings, self._container_at = sink, settings, container_at
        self._crashed = crashed
        self._names = Names(settings.state_file, clock, lookup)
        self._lock = threading.RLock()
        self._link: FirewallLink | None = None
        self._place: EnginePlace | None = None
        self._kept: Firewall | None = None  # what the helper maintains by itself
        self._healing = True
        self._asked = threading.Event()
        self._closing = threading.Event()
        self._resolving: threading.Thread | None = None

    def start(self) -> None:
        """Begin to resolve names again and again in the background."""
        self._resolve_soon()

    def close(self) -> None:
        """End the helper. The table stays, as it has to while the agent is away."""
        self._closing.set()
        with self._lock:
            if self._link is not None:
                self._link.close()

    def drift(self) -> Drift:
        """Compare what the kernel has with what is wanted. Raises `LayerFailed`."""
        with self._lock:
            return self._drift()

    def apply(self) -> Drift:
        """Install it, verified by the helper and by a second look; from now on the helper
        restores it by itself. Raises `LayerFailed`: then what was there before stays."""
        with self._lock:
            before = self._drift()
            if before.blocked:
                raise LayerFailed(before.blocked)
            desired = self._desired(self._find())
            if before.differences or self._kept != desired:
                self._keep(desired)
                left = self._drift().differences
                if left:
                    raise LayerFailed(
                        f"the firewall differs from what was sent to it: {left[0].words}"
                    )
            return before

    def restore(self) -> Drift:
        """Take the tables away, and heal no more."""
        with self._lock:
            self._kept = None
            was = "was 1" in self._ask("remove")
        undone = (Difference(_PLACE, "the tables dockwarden were removed"),) if was else ()
        return Drift(self.name, undone)

    def watched(self) -> Sequence[str]:
        """Where names and resolvers are set."""
        return (str(self._settings.resolv_conf), "/etc/hosts")

    def healing(self, on: bool) -> None:
        """Whether the helper restores at once what others change; off during a pause.
        Holds when this returns. Raises `LayerFailed`."""
        with self._lock:
            self._healing = on
            if self._link is not None and self._link.alive:
                self._link.ask(f"heal {'on' if on else 'off'}")

    @property
    def pid(self) -> int | None:
        """The helper's process, while there is one."""
        link = self._link
        return link.pid if link is not None and link.alive else None

    # What is wanted

    def _services(self) -> tuple[Service, ...]:
        return (self._settings.required, *self._settings.desired)

    def _egress(self) -> Egress:
        """By what names are known to mean."""
        allowed = {
            Endpoint(address, service.protocol, service.port)
            for service in self._services()
            for address in self._names.addresses(service.host)
        }
        for address in self._resolvers():
            allowed |= {Endpoint(address, protocol, 53) for protocol in ("tcp", "udp")}
        known = {
            name: frozenset(filter(refusable, self._names.addresses(name)))
            for name in self._settings.egress.known_registries
        }
        return Egress(frozenset(allowed), known, frozenset(self._settings.devices()))

    def _resolvers(self) -> frozenset[Address]:
        try:
            return nameservers(self._settings.resolv_conf.read_text())
        except OSError:
            return frozenset()

    def _find(self) -> EnginePlace:
        settings = self._settings
        place = find(settings.socket, settings.launch.netns)
        given = frozenset(path.strip("/") for path in settings.egress.engine_cgroups)
        if given or not settings.discover:
            place = EnginePlace(given, (), place.netns)
        return place

    def _desired(self, place: EnginePlace) -> Firewall:
        return Firewall.desired(self._egress(), place.cgroups)

    # Observing

    def _drift(self) -> Drift:
        self._resolve_soon()
        self._asked.wait(PATIENCE)
        place = self._find()
        desired = self._desired(place)
        observed = Observed.read(self._ask("observe", desired.lines()))
        notes = [Difference(_PLACE, words) for words in observed.notices]
        notes += [Difference("engine", words) for words in place.unusable]
        required = self._settings.required
        blocked = ""
        if not self._names.addresses(required.host):
            blocked = self._unresolved(required, "the private registry")
        notes += [
            Difference("names", self._unresolved(service, "an allowed service"))
            for service in self._settings.desired
            if self._names.failure(service.host)
        ]
        return Drift(self.name, tuple(differences(desired, observed)), blocked, notes=tuple(notes))

    def _unresolved(self, service: Service, what: str) -> str:
        why = self._names.failure(service.host) or "no answer yet"
        kept = len(self._names.addresses(service.host))
        last = f"; its {kept} last known addresses stay allowed" if kept else ""
        return (
            f"{what} {service} cannot be resolved ({why}){last}: "
            "correct the host's resolver, or put the name into /etc/hosts"
        )

    # The helper

    def _keep(self, desired: Firewall) -> None:
        """Have it installed, and kept so."""
        self._ask("apply", desired.lines())
        self._kept = desired

    def _ask(self, verb: str, lines: Iterable[str] = ()) -> Sequence[str]:
        said = ["want", *lines] if verb != "remove" else []
        return self._helper().ask(verb, said)

    def _helper(self) -> FirewallLink:
        if self._closing.is_set():
            raise LayerFailed("the firewall layer is closed")
        if self._link is None or not self._link.alive:
            place = self._find()
            self._link = FirewallLink(
                self._settings.launch, place.netns, heard=self._hear, ended=self._ended
            )
            if not self._healing:
                self._link.ask("heal off")
        return self._link

    def _hear(self, verb: str, rest: str) -> None:
        if verb == "refused":
            count, registry, destination, source = rest.split(" ", 3)
            self._sink(
                Refusal(
                    registry.removeprefix("-"),
                    int(count),
                    destination.removeprefix("-"),
                    self._source(source),
                )
            )
        elif verb == "disturbed":
            took, _, culprit = rest.partition(" ")
            log.warning("egress.disturbed", culprit=culprit, healed_ms=took)
            self._sink(Disturbance(culprit))
        else:
            log.error("egress.not-healed", reason=rest)
            self._sink(Disturbance())  # the loop looks again, and its next step reports why

    def _source(self, words: str) -> str:
        if not words.startswith("address "):
            return words
        name = self._container_at(words.removeprefix("address "))
        return f"container {name}" if name else words

    def _ended(self, link: FirewallLink) -> None:
        """From the link's thread: replace a helper that should be there."""
        if self._closing.wait(_RESTART):
            return
        with self._lock:
            if link is not self._link or self._kept is None or not self._healing:
                return
            try:
                self._keep(self._kept)
            except LayerFailed as error:
                log.error("egress.helper-not-replaced", reason=error)
                self._sink(Disturbance())

    # Names

    def _resolve_soon(self) -> None:
        if self._resolving is None:
            self._resolving = threading.Thread(target=self._resolve, name="names", daemon=True)
            self._resolving.start()

    def _resolve(self) -> None:
        try:
            self._resolve_again_and_again()
        except Exception as error:
            # Of whatever kind: addresses that silently grow old open or close the wrong doors.
            if self._crashed is None:
                raise
            self._crashed(error)

    def _resolve_again_and_again(self) -> None:
        """Ask, forever. What is needed first; registries that nobody can resolve here (a host
        without public DNS) only cost waiting."""
        needed = [service.host for service in self._services()]
        while True:
            changed = self._names.refresh([*needed, *self._settings.egress.known_registries])
            self._asked.set()
            with self._lock:
                if changed:
                    self._follow_names()
            if self._closing.wait(REFRESH):
                return

    def _follow_names(self) -> None:
        """Install what names mean now, if they mean something else than what is kept, and unless
        a pause lasts or the layer is closing."""
        if self._kept is None or not self._healing or self._closing.is_set():
            return
        desired = self._desired(self._find())
        if desired == self._kept:
            return
        try:
            self._keep(desired)
        except LayerFailed as error:
            log.error("egress.addresses-not-updated", reason=error)
