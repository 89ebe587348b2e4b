"""The firewall's own process: one thread, one loop around the agent's socket and the kernel's.

It installs what the agent wants and restores it by itself as soon as somebody else changes it. When
the agent goes, it ends and leaves the table standing.
"""

from __future__ import annotations

import errno
import os
import select
import time

from agent.helpers.firewall.bridge_links import Links
from agent.helpers.firewall.desired import Desired
from agent.helpers.firewall.engine_cgroups import NO_CGROUP2, Engines
from agent.helpers.firewall.kernel import INET, NETDEV
from agent.helpers.firewall.library import Refused
from agent.helpers.firewall.nft_table import (
    BULK,
    NO_CGROUP_MATCH,
    Firewall,
    cgroup_key,
    interface_key,
)
from agent.helpers.firewall.observed import observed
from agent.helpers.firewall.refusals import DenialCounters, Log
from agent.helpers.firewall.ruleset import TABLE
from agent.helpers.firewall.watch import Watch
from agent.helpers.gate.channel import Channel

_SECOND = 1.0
_RESYNC = 10.0  # s; what no event reports (a gateway through a bridge) is looked at this often


class FirewallProcess:
    """Installs what it is sent, and maintains it. `own`: see `Firewall`."""

    def __init__(self, channel: Channel, *, own: bool) -> None:
        self._channel = channel
        self._firewall = Firewall(own=own)
        self._watch = Watch(self._firewall.port)
        self._links = Links()
        self._engines = Engines()
        self._log: Log | None = None
        self._log_trouble = ""
        try:
            self._log = Log()
        except OSError as error:
            self._log_trouble = (
                "refusals are counted, but it is not known who was refused: the kernel's log group "
                f"cannot be read ({os.strerror(error.errno or errno.EIO)})"
            )
        self._denials = DenialCounters(self._denied)
        self._desired: Desired | None = None
        self._next = Desired()
        self._complaints: list[str] = []
        self._bridges: set[str] = set()
        self._bound: dict[str, int] = {}
        self._devices: set[str] = set()
        self._heals = True
        self._spoke = self._looked = self._counted = time.monotonic()
        self._refused = False

    def run(self) -> None:
        """Until the agent's socket closes."""
        poll = select.poll()
        for fd in (self._watch.fd, self._links.fd, self._engines.fd):
            poll.register(fd, select.POLLIN)
        if self._log is not None:
            poll.register(self._log.fd, select.POLLIN)
        while not self._channel.closed:
            waits = select.POLLOUT if self._channel.waiting else 0
            poll.register(self._channel.fd, select.POLLIN | waits)
            ready = {fd for fd, _ in poll.poll(_SECOND * 1000)}
            if self._watch.fd in ready:
                self._mend(self._watch.read())
            if self._engines.fd in ready:
                self._engines.drain()
                self._rebind()
            if self._links.fd in ready:
                self._links.drain()
                self._rebridge()
            if self._log is not None and self._log.fd in ready:
                self._denials.take(self._log.read())
                self._refused = True
            self._listen()
            self._keep_time()

    def _denied(self, address: bytes) -> str:
        if self._desired is None:
            return ""
        table = self._desired.deny4 if len(address) == 4 else self._desired.deny6
        return table.get(address, "")

    # What the agent says

    def _listen(self) -> None:
        while lines := self._channel.receive():
            for words in lines:
                self._obey(words[0], " ".join(words[1:]))
        if self._channel.waiting:
            self._channel.flush()

    def _obey(self, verb: str, rest: str) -> None:
        if verb == "want":
            self._next, self._complaints = Desired(), []
        elif verb in ("apply", "observe", "remove"):
            self._answer(verb, rest)
        elif verb == "heal":
            on, _, number = rest.partition(" ")
            self._heals = on == "on"
            self._channel.say(f"done {number}")
        elif verb != "ping":
            try:
                self._next.take(verb, rest)
            except ValueError as error:
                self._complaints.append(str(error))

    def _answer(self, verb: str, number: str) -> None:
        try:
            if self._complaints:
                raise Refused("; ".join(self._complaints[:3]))
            if verb == "apply":
                self._apply()
            elif verb == "observe":
                self._observe()
            else:
                self._remove()
        except (Refused, OSError) as error:
            self._channel.say(f"error {number} {_words(error)}")
        else:
            self._channel.say(f"done {number}")

    def _apply(self) -> None:
        """Either it is installed and verified, or what was there before stays."""
        before, desired = self._desired, self._existing(self._next)
        fresh = self._firewall.tables.shape(INET, TABLE).flags < 0
        self._desired = desired
        try:
            self._install(desired)
            self._firewall.verify(desired, self._bridges, self._bound)
        except (Refused, OSError):
            self._desired = before
            if fresh:
                self._firewall.remove()
            elif before is not None:
                self._told(self._reinstall(before))
            raise
        self._denials.start(self._counters())
        self._firewall.trim()
        self._tell_notices()

    def _remove(self) -> None:
        self._desired = None
        self._engines.follow(set())
        self._channel.say(f"was {1 if self._firewall.remove() else 0}")

    def _existing(self, desired: Desired) -> Desired:
        """The same without devices that are not there; they are named among the notices."""
        _, present = self._links.read()
        self._devices = set(desired.devices)
        desired.devices &= present
        return desired

    def _install(self, desired: Desired) -> None:
        self._bound = self._engines.follow(desired.engines)
        if not self._engines.possible:
            self._firewall.by_cgroup = False
        self._bridges, _ = self._links.read()
        bulk = desired.size > BULK
        if bulk:
            self._watch.deafen()
        try:
            self._firewall.install(desired, self._bridges, self._bound)
        finally:
            if bulk:
                self._watch.listen()

    def _observe(self) -> None:
        """Report what is there: `is` lines in the words of a desired state, and `fault` lines."""
        desired = self._existing(self._next)
        ids = self._engines.follow(desired.engines)
        for words in self._firewall.faults(desired):
            self._channel.say(f"fault {words}")
        for path in ids:
            self._channel.say(f"engine {path}")
        for line in observed(self._firewall.tables, ids):
            self._channel.say(f"is {line}")
        if self._desired is not None:
            self._engines.follow(self._desired.engines)
        self._tell_notices()

    def _tell_notices(self) -> None:
        if not self._engines.possible:
            self._channel.say(f"notice {NO_CGROUP2}")
        elif not self._firewall.by_cgroup:
            self._channel.say(f"notice {NO_CGROUP_MATCH}")
        if self._log_trouble:
            self._channel.say(f"notice {self._log_trouble}")
        _, present = self._links.read()
        for name in sorted(self._devices - present):
            self._channel.say(f"notice there is no network device {name} to guard")

    # What the kernel says

    def _mend(self, culprits: list[str]) -> None:
        """Somebody else changed our tables: first restore them, then report."""
        if not culprits or self._desired is None:
            return
        begun = time.monotonic()
        words = ""
        if self._heals:
            words = self._reinstall(self._desired)
        took = (time.monotonic() - begun) * 1000
        for culprit in culprits:
            self._channel.say(f"disturbed {took:.1f} {culprit}")
        if words:
            self._channel.say(f"unhealed {words}")

    def _reinstall(self, desired: Desired) -> str:
        """Why it could not be done, in words; empty when it is done."""
        try:
            self._install(desired)
            self._firewall.verify(desired, self._bridges, self._bound)
        except (Refused, OSError) as error:
            return _words(error)
        if desired.size > BULK:
            self._firewall.trim()
        return ""

    def _rebind(self) -> None:
        """An engine came or went: have the rules mean its cgroup's present id."""
        if self._desired is None or not self._firewall.by_cgroup:
            return
        now = self._engines.ids()
        if now != self._bound:
            self._swap("engines", _ids(self._bound), _ids(now))
            self._bound = now

    def _rebridge(self) -> None:
        if self._desired is None:
            return
        now, devices = self._links.read()
        if now != self._bridges:
            old = {interface_key(name) for name in self._bridges}
            self._swap("bridges", old, {interface_key(name) for name in now})
            self._bridges = now
        returned = (self._devices & devices) - self._desired.devices
        if returned:
            self._desired.devices |= returned
            self._told(self._reinstall(self._desired))

    def _swap(self, name: str, old: set[bytes], new: set[bytes]) -> None:
        try:
            self._firewall.tables.change(INET, TABLE, name, new - old, old - new)
        except OSError:  # the set is not as we remember it
            if self._desired is not None and self._heals:
                self._told(self._reinstall(self._desired))

    def _told(self, words: str) -> None:
        if words:
            self._channel.say(f"unhealed {words}")

    def _keep_time(self) -> None:
        now = time.monotonic()
        if now - self._counted >= (_SECOND if self._refused else _RESYNC):
            self._counted, self._refused = now, False
            self._report()
        if now - self._looked >= _RESYNC:
            self._looked = now
            self._rebind()
            self._rebridge()
        if now - self._spoke >= _SECOND:
            self._spoke = now
            self._channel.say("ping")

    def _counters(self) -> dict[str, int]:
        """Of both tables together."""
        total: dict[str, int] = {}
        for family in (INET, NETDEV):
            for name, packets in self._firewall.tables.counters(family, TABLE).items():
                total[name] = total.get(name, 0) + packets
        return total

    def _report(self) -> None:
        if self._desired is None:
            return
        try:
            counters = self._counters()
        except OSError:  # the table went meanwhile; the watch has an event of it
            return
        for count, registry, destination, source in self._denials.report(counters):
            self._channel.say(f"refused {count} {registry or '-'} {destination or '-'} {source}")


def _ids(bound: dict[str, int]) -> set[bytes]:
    return {cgroup_key(number) for number in bound.values()}


def _words(error: Exception) -> str:
    return str(error).replace("\n", " ")
