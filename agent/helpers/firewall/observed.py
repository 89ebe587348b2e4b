"""What is in the kernel, in the words in which the agent sends the desired state."""

from __future__ import annotations

from agent.helpers.firewall.desired import allow_line, deny_lines
from agent.helpers.firewall.kernel import INET, NETDEV, Tables
from agent.helpers.firewall.nft_table import cgroup_key
from agent.helpers.firewall.ruleset import DEVICE_CHAIN, TABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def observed(tables: Tables, engines: Mapping[str, int]) -> Iterable[str]:
    """The lines of the state that is there; `engines` are the cgroups to look for, with their
    present ids."""
    sets = tables.shape(INET, TABLE).sets
    for name in sets.keys() & {"allow4", "allow6"}:
        for key in tables.elements(INET, TABLE, name):
            yield allow_line(key)
    for name in sets.keys() & {"deny4", "deny6"}:
        yield from deny_lines(tables.elements(INET, TABLE, name).items())
    bound = tables.elements(INET, TABLE, "engines") if "engines" in sets else {}
    for path, number in engines.items():
        if cgroup_key(number) in bound:
            yield f"engine {path}"
    for name in tables.shape(NETDEV, TABLE).chains:
        if name.startswith(DEVICE_CHAIN):
            yield f"device {name[len(DEVICE_CHAIN) :]}"
