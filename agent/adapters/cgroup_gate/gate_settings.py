"""What a gate is started with, and how that is said on its command line."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.ports import GateOrders


@dataclass(frozen=True, slots=True)
class GateSettings:
    """See `CgroupGate` for the meaning of each."""

    roots: tuple[str, ...]
    orders: GateOrders
    engine_root: str
    cgroup_version: str
    mount: str

    def arguments(self) -> Sequence[str]:
        """As `agent.helpers.gate` takes them."""
        return [
            f"version={self.cgroup_version}",
            f"mount={self.mount}",
            f"engine_root={self.engine_root}",
            *order_words(self.orders),
            *(f"root={root}" for root in self.roots),
        ]


def order_words(orders: GateOrders) -> list[str]:
    """The part that may change while a gate works."""
    return [
        f"freeze={orders.freeze:d}",
        f"hold_ms={round(orders.hold_seconds * 1000)}",
        f"on_timeout={orders.on_timeout}",
        f"build_steps={orders.build_steps}",
    ]
