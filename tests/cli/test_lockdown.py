"""`plan`, `apply`, `restore`, and what `status`, `explain` and `config validate` say of it."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from socket import AF_UNIX, SOCK_STREAM, gaierror, socket
from typing import Any

import pytest

from agent.app.lockdown_wiring import Lockdown
from agent.config import Config
from agent.ports.lockdown_values import Difference, Drift
from tests.cli.conftest import Host
from tests.cli.test_ask_agent import STATUS
from tests.fakes.layer import FakeLayer

ROWS = [
    {"layer": "firewall", "undone": ["nftables: the tables dockwarden were removed"], "error": ""},
    {"layer": "files", "undone": [], "error": ""},
    {"layer": "daemon.json", "undone": ["/etc/docker/daemon.json: put back"], "error": ""},
]


class FileLayer(FakeLayer):
    """Shows what it would change as a diff."""

    def drift(self) -> Drift:
        """As usual, and a diff."""
        drift = super().drift()
        diffs = [Difference(d.place, d.words, "-before\n+ours\n") for d in drift.differences]
        return Drift(drift.layer, tuple(diffs), drift.blocked, drift.notes)


class Layers:
    """What stands on the host; in place of the real layers, which are this machine's own."""

    def __init__(self) -> None:
        self.all: Sequence[FakeLayer] = (
            FileLayer("daemon.json"),
            FakeLayer("files"),
            FakeLayer("firewall"),
        )

    def build(self, config: Config, *_: Any, to_restore: bool = False) -> Lockdown:
        """`agent.app.lockdown_wiring.lockdown`."""
        wanted = config.lockdown.layers if config.registry.mirror else ()
        return Lockdown(tuple(one for one in self.all if to_restore or one.name in wanted))

    def __getitem__(self, name: str) -> FakeLayer:
        return next(layer for layer in self.all if layer.name == name)

    @property
    def states(self) -> list[str]:
        """Of all layers."""
        return [layer.state for layer in self.all]


@pytest.fixture
def layers(host: Host, monkeypatch: pytest.MonkeyPatch) -> Iterator[Layers]:
    """A host whose lockdown is configured, seen by root."""
    layers = Layers()
    monkeypatch.setattr("agent.app.lockdown_wiring.lockdown", layers.build)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    host.configure('[registry]\nmirror = "https://images.acme.test"\n')
    yield layers


# plan


def test_plan_shows_what_would_change_and_changes_nothing(host: Host, layers: Layers) -> None:
    result = host.run("plan")
    assert result.exit_code == 3
    assert "daemon.json: would change: daemon.json: it is 'before'" in result.stdout
    assert "-before\n+ours" in result.stdout
    assert layers.states == ["before"] * 3


def test_plan_of_what_stands_is_fine(host: Host, layers: Layers) -> None:
    for layer in layers.all:
        layer.state = "ours"
    layers["files"].notes = (Difference("/etc/x", "somebody else's"),)
    result = host.run("plan")
    assert result.exit_code == 0
    assert "daemon.json: as it should be" in result.stdout
    assert "files: note: /etc/x: somebody else's" in result.stdout


def test_plan_for_programs(host: Host, layers: Layers) -> None:
    layers["files"].state = "ours"
    layers["firewall"].blocked = "the private registry cannot be resolved"
    result = host.run("plan", "-o", "json")
    assert result.exit_code == 3
    first, second, third = json.loads(result.stdout)
    assert first == {
        "layer": "daemon.json",
        "in_place": False,
        "differences": [
            {"place": "daemon.json", "words": "it is 'before'", "diff": "-before\n+ours\n"}
        ],
        "blocked": "",
        "notes": [],
    }
    assert second["in_place"] is True
    assert third["blocked"] == "the private registry cannot be resolved"


def test_a_layer_that_cannot_be_looked_at_hides_no_other(
    host: Host, layers: Layers, monkeypatch: pytest.MonkeyPatch
) -> None:
    firewall = layers["firewall"]
    firewall.fails = "its process ended"
    monkeypatch.setattr(firewall, "drift", firewall.restore)  # fails, too
    result = host.run("plan")
    assert result.exit_code == 3
    assert "firewall: cannot be corrected: its process ended" in result.stdout
    assert "daemon.json: would change" in result.stdout


# apply


def test_apply_puts_it_in_place_once(host: Host, layers: Layers) -> None:
    result = host.run("apply")
    assert (result.exit_code, layers.states) == (0, ["ours"] * 3)
    assert "daemon.json: changed: daemon.json: it is 'before'" in result.stdout
    again = host.run("apply")
    assert again.exit_code == 0
    assert again.stdout.count("as it should be") == 3
    assert [layer.applied for layer in layers.all] == [1, 1, 1]


def test_what_cannot_be_applied_is_reported_and_the_rest_is_done(
    host: Host, layers: Layers
) -> None:
    layers["daemon.json"].fails = "line 3, column 5: broken JSON"
    result = host.run("apply")
    assert result.exit_code == 1
    assert layers.states == ["before", "ours", "ours"]
    assert "files: changed" in result.stdout
    assert "not everything was put in place: daemon.json: line 3, column 5" in result.stderr


# Neither without a configuration or root


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_without_a_mirror_nothing_is_done(host: Host, layers: Layers, command: str) -> None:
    host.configure()
    result = host.run(command)
    assert (result.exit_code, layers.states) == (1, ["before"] * 3)
    assert "the lockdown is not configured" in result.stderr
    assert "[registry] mirror" in result.stderr


@pytest.mark.parametrize("command", ["plan", "apply", "restore"])
def test_only_root_may(
    host: Host, layers: Layers, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    result = host.run(command)
    assert (result.exit_code, layers.states) == (1, ["before"] * 3)
    assert "only root may" in result.stderr and "sudo" in result.stderr


# restore


def test_restore_without_an_agent(host: Host, layers: Layers) -> None:
    host.run("apply")
    result = host.run("restore")
    assert (result.exit_code, layers.states) == (0, ["before"] * 3)
    assert "no agent runs here; restoring without it" in result.stderr
    lines = result.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["firewall", "files", "daemon.json"]
    assert host.run("restore").stdout.count("nothing to put back") == 3


def test_restore_needs_no_configuration_any_more(host: Host, layers: Layers) -> None:
    host.run("apply")
    host.configure()
    assert host.run("restore").exit_code == 0
    assert layers.states == ["before"] * 3


def test_restore_by_a_running_agent(host: Host, layers: Layers) -> None:
    host.run("apply")
    host.serve({"restore": lambda _: ROWS})
    result = host.run("restore")
    assert result.exit_code == 0
    assert "firewall: nftables: the tables dockwarden were removed" in result.stdout
    assert "files: nothing to put back" in result.stdout
    assert layers.states == ["ours"] * 3, "nobody else works beside the agent"
    assert json.loads(host.run("restore", "-o", "json").stdout) == ROWS


def test_layers_that_the_agent_does_not_know_any_more_are_restored_by_hand(
    host: Host, layers: Layers
) -> None:
    host.run("apply")
    host.serve({"restore": lambda _: ROWS[2:]})
    result = host.run("restore")
    assert result.exit_code == 0
    assert layers.states == ["ours", "before", "before"]
    assert "/etc/docker/daemon.json: put back" in result.stdout
    assert "files: files: put back" in result.stdout


def test_what_cannot_be_restored_is_reported(host: Host, layers: Layers) -> None:
    host.run("apply")
    layers["files"].fails = "the backup is gone"
    result = host.run("restore")
    assert result.exit_code == 1
    assert layers.states == ["before", "ours", "before"]
    assert "not everything was put back: files: the backup is gone" in result.stderr


def test_nobody_works_against_an_agent_that_does_not_answer(
    host: Host, layers: Layers, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.run("apply")
    monkeypatch.setattr("agent.cli.host.lockdown_commands.RESTORE_SECONDS", 0.1)
    with closing(socket(AF_UNIX, SOCK_STREAM)) as silent:
        silent.bind(str(host.folder / "a.sock"))
        silent.listen()
        result = host.run("restore")
    assert (result.exit_code, layers.states) == (1, ["ours"] * 3)
    assert "did not answer" in result.stderr


# status


def test_status_has_a_line_a_layer_and_one_for_each_thing_wrong(host: Host) -> None:
    fine = {"layer": "files", "in_place": True, "drift": [], "notes": ["x: y"], "error": ""}
    lockdown = [
        fine | {"healed": 1, "conflict": False},
        {"layer": "daemon.json", "in_place": False, "drift": ["/etc/docker/daemon.json: differs"]},
        {"layer": "fake", "in_place": False, "error": "x", "conflict": True, "left_alone": True},
        {"layer": "firewall", "in_place": False, "error": "nft is missing", "conflict": True},
    ]
    host.serve({"status": lambda _: STATUS | {"lockdown": lockdown}})
    said = host.run("status").stdout
    for told in (
        "files in place, healed 1 time\n",
        "files: note: x: y",
        "daemon.json not in place\n",
        "daemon.json: /etc/docker/daemon.json: differs",
        "fake not in place, left alone: another tool keeps reverting it",
        "firewall not in place, restored each time: another tool keeps reverting it",
        "firewall: nft is missing",
    ):
        assert told in said
    assert said.count("lockdown  ") == 1


# explain


def _refusal(registry: str, destination: str) -> dict[str, Any]:
    return {
        "event": "egress.refused",
        "at": "2026-11-23T10:01:00.000000Z",
        "kind": "notice",
        "summary": f"The engine tried to reach {registry or destination} and was refused.",
        "next_step": "Pull by the short name.",
        "occurrence": 1,
        "container": None,
        "decision": None,
        "outcome": None,
        "details": {"registry": registry, "destination": destination, "source": "engine"},
    }


@pytest.mark.parametrize(
    ("name", "reached"),
    [
        ("quay.io", "quay.io"),
        ("QUAY.io/acme/web:1", "quay.io"),
        ("quay.io:443", "quay.io"),
        ("192.0.2.1:443", "quay.io"),
        ("192.0.2.9", "192.0.2.9:80/tcp"),
        ("[2001:db8::1]:443", "[2001:db8::1]:443/tcp"),
        ("2001:db8::1", "[2001:db8::1]:443/tcp"),
    ],
)
def test_a_refused_pull_is_looked_up_by_what_its_message_names(
    host: Host, name: str, reached: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    host.record(
        _refusal("quay.io", "192.0.2.1:443/tcp"),
        _refusal("", "192.0.2.9:80/tcp"),
        _refusal("", "[2001:db8::1]:443/tcp"),
    )
    result = host.run("explain", name)
    assert result.exit_code == 3
    assert f"address        {reached}" in result.stdout
    assert "the connection was refused" in result.stdout
    assert "Pull by the short name." in result.stdout


@pytest.mark.parametrize("name", ["192.0.2.2", "io", "quay.example", ""])
def test_other_addresses_are_not_known(
    host: Host, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    host.record(_refusal("quay.io", "192.0.2.1:443/tcp"), _refusal("", ""))
    assert host.run("explain", name).exit_code == 1


# config validate


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Knows one name; never answers for another."""

    def lookup(name: str) -> list[str]:
        if name == "slow.test":
            time.sleep(20.0)
        if name != "images.acme.test":
            raise gaierror(-2, "Name or service not known")
        return ["192.0.2.1"]

    monkeypatch.setattr("agent.adapters.egress.resolved_names.system_lookup", lookup)
    monkeypatch.setattr("agent.cli.config.RESOLVE_SECONDS", 1.0)


@pytest.mark.usefixtures("resolver")
def test_validate_names_what_cannot_be_resolved(host: Host) -> None:
    host.configure(
        '[registry]\nmirror = "https://images.acme.tset"\n'
        '[egress]\nallow = ["images.acme.test:514/udp", "slow.test:1", "gone.test:2"]\n'
    )
    result = host.run("config", "validate")
    assert result.exit_code == 0
    mirror, slow, gone = result.stderr.splitlines()
    assert '[registry] mirror = "https://images.acme.tset" cannot be resolved' in mirror
    assert "Name or service not known" in mirror and "/etc/hosts" in mirror
    assert '[egress] allow = "slow.test:1"' in slow and "no answer within 1 s" in slow
    assert "gone.test:2" in gone
    answer = json.loads(host.run("config", "validate", "-o", "json").stdout)
    assert (answer["valid"], len(answer["warnings"])) == (True, 3)


def test_validate_asks_for_no_name_without_a_lockdown(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lookup(name: str) -> list[str]:
        pytest.fail(f"asked for {name}")

    monkeypatch.setattr("agent.adapters.egress.resolved_names.system_lookup", lookup)
    result = host.run("config", "validate")
    assert (result.exit_code, result.stderr) == (0, "")


def test_validate_takes_addresses_as_they_are(host: Host) -> None:
    host.configure('[registry]\nmirror = "http://192.0.2.1:5000"\n')
    assert host.run("config", "validate").stderr == ""
