"""One suite for the firewall layer, fake and real: what the control loop may rely on."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agent.adapters.egress import EgressFirewall, EgressSettings, Launch
from agent.config.lockdown_config import EgressConfig
from agent.errors import LayerFailed
from agent.helpers.gate.mounts import hierarchies
from agent.ports.lockdown_values import Disturbance, Egress, Refusal
from tests.fakes.clock import FakeClock
from tests.fakes.firewall import FakeFirewall
from tests.firewall.network_namespace import KNOWN4, PRIVATE4, NetworkNamespace
from tests.patience import PATIENCE


class Bench:
    """A layer, what it reported, and a function that flushes the ruleset."""

    def __init__(
        self,
        layer: FakeFirewall | EgressFirewall,
        told: list[Refusal | Disturbance],
        flush: Callable[[], None],
        lose_registry: Callable[[], None],
    ) -> None:
        self.layer, self.told, self.flush, self.lose_registry = layer, told, flush, lose_registry

    def await_disturbance(self) -> Disturbance:
        end = time.monotonic() + PATIENCE
        while True:
            for message in self.told:
                if isinstance(message, Disturbance):
                    return message
            assert time.monotonic() < end, "no disturbance was told"
            time.sleep(0.01)


def _fake(_stack: ExitStack, _directory: Path) -> Bench:
    told: list[Refusal | Disturbance] = []
    layer = FakeFirewall(told.append, Egress(devices=frozenset({"eth0"})))

    def lose_registry() -> None:
        layer.blocked = "the private registry cannot be resolved"

    return Bench(layer, told, lambda: layer.disturb("nft[1]"), lose_registry)


def _real(stack: ExitStack, directory: Path) -> Bench:
    if os.geteuid() != 0:
        pytest.skip("needs root: network namespaces and rules are made")
    if "2" not in hierarchies(Path("/proc/self/mountinfo").read_text()):
        pytest.skip("needs cgroup2: mount -t cgroup2 none /sys/fs/cgroup/unified")
    netns = NetworkNamespace(stack)
    names = {"images.acme.test": [PRIVATE4], "quay.test": [KNOWN4]}
    told: list[Refusal | Disturbance] = []

    def lookup(name: str) -> list[str]:
        if name not in names:
            raise OSError("name not known")
        return names[name]

    layer = EgressFirewall(
        told.append,
        settings=EgressSettings(
            mirror="https://images.acme.test",
            egress=EgressConfig(known_registries=("quay.test",), engine_cgroups=(netns.cgroup,)),
            state_file=directory / "names.json",
            resolv_conf=directory / "resolv.conf",
            launch=Launch(enter=netns.command, netns=netns.inode, own=False),
        ),
        clock=FakeClock(),
        lookup=lookup,
    )
    stack.callback(layer.close)
    return Bench(layer, told, lambda: _void(netns.nft("flush ruleset")), names.clear)


def _void(_value: object) -> None:
    return None


@pytest.fixture(params=[_fake, _real], ids=["fake", "real"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield request.param(stack, tmp_path)


def test_apply_returns_what_differed_and_leaves_nothing(bench: Bench) -> None:
    before = bench.layer.drift()
    assert "table inet dockwarden is missing" in [each.words for each in before.differences]
    assert bench.layer.apply() == before
    assert bench.layer.drift().none
    assert bench.layer.apply().none


def test_restore_takes_all_away_and_says_what(bench: Bench) -> None:
    untouched = bench.layer.drift()
    assert bench.layer.restore().none
    bench.layer.apply()
    assert not bench.layer.restore().none
    assert bench.layer.drift() == untouched
    assert bench.layer.restore().none


def test_a_disturbance_is_corrected_and_reported_with_its_author(bench: Bench) -> None:
    bench.layer.apply()
    bench.flush()
    assert bench.await_disturbance().culprit.startswith("nft[")
    assert bench.layer.drift().none


def test_during_a_pause_a_disturbance_is_only_reported(bench: Bench) -> None:
    bench.layer.apply()
    bench.layer.healing(False)
    bench.flush()
    bench.await_disturbance()
    assert not bench.layer.drift().none
    bench.layer.healing(True)
    bench.layer.apply()
    assert bench.layer.drift().none


def test_nothing_is_reported_of_what_was_restored(bench: Bench) -> None:
    bench.layer.apply()
    bench.layer.restore()
    bench.flush()
    assert not bench.layer.drift().none
    assert not bench.told


def test_a_registry_that_was_never_resolved_blocks_and_changes_nothing(bench: Bench) -> None:
    bench.lose_registry()
    drift = bench.layer.drift()
    assert "cannot be resolved" in drift.blocked
    with pytest.raises(LayerFailed, match="cannot be resolved"):
        bench.layer.apply()
    assert bench.layer.drift() == drift
