"""Puts the firewall in place, reads it back, compares, removes it; keeps no state of its own but a
checksum of the rules that it has just verified."""

from __future__ import annotations

import errno
import sys
import time

from agent.helpers.firewall import ruleset
from agent.helpers.firewall.desired import COUNTER, ENGINE_COUNTER, Desired
from agent.helpers.firewall.kernel import DORMANT, INET, NETDEV, OWNER, Shape, Tables
from agent.helpers.firewall.library import Library, Refused
from agent.helpers.firewall.ruleset import TABLE, Chains

BULK = 500  # more known addresses than this come second
_FAMILIES = {"inet": INET, "netdev": NETDEV}

NO_CGROUP_MATCH = (
    "this kernel cannot match sockets by cgroup (it needs 5.13 or later with nft_socket): "
    "the engine's own connections are not refused, only known registries are"
)


class Firewall:
    """The tables in this network namespace. Methods raise `Refused` or `OSError`.

    `own`: have the kernel keep others away from the table, where it can (6.9 and later).
    """

    def __init__(self, *, own: bool = True) -> None:
        self._library = Library()
        self.tables = Tables(self._library.fd)
        self._own = own
        self._verified: dict[str, dict[str, list[tuple[str, int]]]] = {}
        self.by_cgroup = True
        self.owned = False

    @property
    def port(self) -> int:
        """By which the kernel names this process's changes."""
        return self.tables.writer.port

    def install(self, desired: Desired, bridges: set[str], engines: dict[str, int]) -> None:
        """Make it so, whatever is there; core first, bulk second."""
        small = self._small(desired, bridges, engines)
        bulk = desired.size > BULK
        if not bulk:
            small.update(desired.denies())
        for family, chains in self._chains(desired).items():
            if not chains:
                self._delete(family)
                continue
            self._core(family, chains, desired)
            sets = ruleset.set_shapes(family, by_cgroup=self.by_cgroup)
            mine = {name: elements for name, elements in small.items() if name in sets}
            self.tables.replace(_FAMILIES[family], TABLE, mine)
        for family, chains in self._chains(desired).items():
            if bulk and chains:
                self.tables.replace(_FAMILIES[family], TABLE, desired.denies())

    def verify(self, desired: Desired, bridges: set[str], engines: dict[str, int]) -> None:
        """Read all back after `install`; raises `Refused` when it is not what was asked for."""
        faults = self.faults(desired)
        expected = {**self._small(desired, bridges, engines), **desired.denies()}
        for family, chains in self._chains(desired).items():
            if not chains:
                continue
            for name in ruleset.set_shapes(family, by_cgroup=self.by_cgroup):
                if not self._holds(_FAMILIES[family], name, expected[name]):
                    faults.append(f"set {name} of table {family} {TABLE} has other elements")
        if faults:
            raise Refused(f"the kernel changed what it was given: {'; '.join(faults[:3])}")
        self._verified = {
            family: self.tables.shape(_FAMILIES[family], TABLE).rules for family in _FAMILIES
        }

    def _holds(self, family: int, name: str, expected: dict[bytes, str]) -> bool:
        """Whether a set has exactly these elements. The kernel grows a large one's table behind
        our back, and a list taken meanwhile has gaps: look again."""
        for pause in (0, 0.02, 0.1, 0.5, 1) if len(expected) > BULK else (0,):
            time.sleep(pause)
            if self.tables.elements(family, TABLE, name) == expected:
                return True
        return False

    def faults(self, desired: Desired) -> list[str]:
        """What is wrong with rules, chains and sets, in words; elements are not looked at."""
        found: list[str] = []
        for family, chains in self._chains(desired).items():
            shape = self.tables.shape(_FAMILIES[family], TABLE)
            if not chains:
                if shape.flags >= 0:
                    found.append(f"table {family} {TABLE} is there and should not be")
            elif shape.flags < 0:
                found.append(f"table {family} {TABLE} is missing")
            else:
                found += self._wrong(family, chains, shape, desired)
        return found

    def remove(self) -> bool:
        """Take all of it away; whether there was anything."""
        self._verified = {}
        self.owned = False
        gone = [family for family in _FAMILIES if self._delete(family)]
        return bool(gone)

    def trim(self) -> None:
        """Give memory back after large work."""
        self._library.trim()

    def _chains(self, desired: Desired) -> dict[str, Chains]:
        levels = {path.count("/") + 1 for path in desired.engines}
        return {
            "inet": ruleset.inet(levels, by_cgroup=self.by_cgroup),
            "netdev": ruleset.netdev(desired.devices) if desired.devices else {},
        }

    @staticmethod
    def _small(
        desired: Desired, bridges: set[str], engines: dict[str, int]
    ) -> dict[str, dict[bytes, str]]:
        return {
            **desired.allows(),
            "bridges": {interface_key(name): "" for name in bridges},
            "engines": {cgroup_key(number): "" for number in engines.values()},
        }

    def _core(self, family: str, chains: Chains, desired: Desired) -> None:
        """All but the elements; nothing at all if it is as it should be."""
        shape = self._claim(family)
        if shape.flags >= 0 and not self._wrong(family, chains, shape, desired):
            return
        present = list(shape.chains) if shape.flags >= 0 else None
        if present is not None and shape.flags & DORMANT:
            self._anew(family, chains, desired)
            return
        try:
            self._run(family, chains, desired, present)
        except Refused:
            if present is None and not (self.by_cgroup and family == "inet"):
                raise
            self._anew(family, chains, desired)

    def _run(
        self,
        family: str,
        chains: Chains,
        desired: Desired,
        present: list[str] | None,
        first: str = "",
    ) -> None:
        text = ruleset.core(
            family, chains, desired.registries, present=present, by_cgroup=self.by_cgroup
        )
        self._library.run(first + text)
        self._verified.pop(family, None)

    def _anew(self, family: str, chains: Chains, desired: Desired) -> None:
        """The table cannot become the desired one (another layout, another version's): replace
        it whole, in one transaction. Such a table has no owner and is healed instead."""
        first = ""
        if self.tables.shape(_FAMILIES[family], TABLE).flags >= 0:
            first = f"delete table {family} {TABLE}\n"
        try:
            self._run(family, chains, desired, None, first)
        except Refused:
            if not (self.by_cgroup and family == "inet"):
                raise
            self.by_cgroup = False
            self._run(family, self._chains(desired)[family], desired, None, first)
        self.owned = False

    def _claim(self, family: str) -> Shape:
        """Own the table if possible; returns what is there then."""
        if self._own:
            try:
                self.tables.own(_FAMILIES[family], TABLE)
            except OSError as error:
                if error.errno == errno.EPERM:
                    raise Refused(
                        f"table {family} {TABLE} belongs to another running agent: stop that first"
                    ) from error
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                    raise
        shape = self.tables.shape(_FAMILIES[family], TABLE)
        if family == "inet":
            self.owned = shape.flags > 0 and bool(shape.flags & OWNER)
        return shape

    def _wrong(self, family: str, chains: Chains, shape: Shape, desired: Desired) -> list[str]:
        found = ["the table is dormant"] if shape.flags & DORMANT else []
        verified = self._verified.get(family, {})
        for name, (hook, rules) in chains.items():
            if name not in shape.chains:
                found.append(f"chain {name} is missing")
                continue
            if shape.chains[name] != ruleset.hook_shape(name, hook):
                found.append(f"chain {name} is not hooked as it should be")
            there = shape.rules.get(name, [])
            comments = [ruleset.comment(words, rule) for words, rule in rules]
            if [comment for comment, _ in there] != comments:
                found.append(f"the rules of chain {name} are not ours")
            elif there != verified.get(name, there):
                found.append(f"a rule of chain {name} was changed")
        found += [f"chain {name} is not ours" for name in shape.chains if name not in chains]
        for name, expected in ruleset.set_shapes(family, by_cgroup=self.by_cgroup).items():
            size, flags, obj = shape.sets.get(name, (0, 0, 0))
            if (size, obj) != expected or ruleset.is_interval(flags):
                found.append(f"set {name} is missing or of another kind")
        counters = {COUNTER + name for name in desired.registries}
        if family == "inet":
            counters.add(ENGINE_COUNTER)
        found += [f"counter {name} is missing" for name in counters - set(shape.counters)]
        return found

    def _delete(self, family: str) -> bool:
        if self.tables.shape(_FAMILIES[family], TABLE).flags < 0:
            return False
        self._library.run(f"delete table {family} {TABLE}\n")
        return True


def interface_key(name: str) -> bytes:
    """A device's name as an element's key."""
    return name.encode()[:16].ljust(16, b"\0")


def cgroup_key(number: int) -> bytes:
    """A cgroup's id as an element's key, in the machine's own byte order."""
    return number.to_bytes(8, sys.byteorder)
