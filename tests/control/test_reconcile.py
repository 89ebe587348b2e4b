"""The lockdown's layers are restored, reported, and left alone in conflicts or after a restore."""

from typing import Any

import pytest

from agent.api.control_api import ControlApi
from agent.api.status_view import REMEMBERED
from agent.errors import LayerFailed
from agent.lockdown.egress_denials import EgressDenials
from agent.lockdown.layer_state import LONGEST_PAUSE, RevertBackoff, RevertLimits
from agent.ports.lockdown_values import Difference, Disturbance, Drift, Refusal
from core.base_errors import DockwardenError
from core.decision.verdict import Mode
from core.findings.finding import Finding, Kind
from tests.control.fake_host import listed
from tests.control.looping import looping
from tests.control.rig import LOOK_SECONDS, REVERT_LIMITS, Rig
from tests.fakes.firewall import FakeFirewall
from tests.fakes.layer import FakeLayer


def a_rig(*layers: Any, mode: Mode = Mode.ENFORCE, **options: Any) -> Rig:
    """An agent that has started with these layers."""
    return Rig(mode=mode, trusted=listed(), layers=layers, **options).begin()


def told(rig: Rig) -> list[Finding]:
    """What was said of the lockdown."""
    return [f for f in rig.findings if f.event.startswith(("lockdown.", "egress."))]


def events(rig: Rig) -> list[str]:
    """Its names, without the part that they share."""
    return [finding.event.removeprefix("lockdown.") for finding in told(rig)]


def undone(rig: Rig, layer: FakeLayer, state: str = "theirs") -> None:
    """Somebody changes a file, and the watcher reports."""
    layer.state = state
    rig.reconciler.check([layer.name])
    rig.drain()


def walled(**options: Any) -> tuple[Rig, FakeFirewall]:
    """An agent with a firewall that mends itself."""
    rigs: list[Rig] = []

    def sink(message: Refusal | Disturbance) -> None:
        if isinstance(message, Disturbance):
            rigs[0].reconciler.disturbed("firewall", message.culprit)
        else:
            services = rigs[0].enforcer.services
            EgressDenials(services.clock, services.finding_factory, services.emit).refused(message)

    firewall = FakeFirewall(sink)

    def healing(name: str, on: bool) -> None:
        if name == firewall.name:
            firewall.healing(on)

    layers = (firewall, *options.pop("beside", ()))
    rigs.append(Rig(trusted=listed(), layers=layers, healing=healing, **options))
    return rigs[0].begin(), firewall


def stands(firewall: FakeFirewall) -> bool:
    """Whether it is installed."""
    return firewall.observed is not None


# Restored and reported.


def test_observe_mode_reports_once_and_touches_nothing() -> None:
    layer = FakeLayer()
    rig = a_rig(layer, mode=Mode.OBSERVE)
    for _ in range(3):
        rig.tick(LOOK_SECONDS)
        rig.drain()
    assert (layer.state, layer.applied, events(rig)) == ("before", 0, ["drift"])
    assert told(rig)[0].kind is Kind.NOTICE
    assert rig.reconciler.status()[0]["drift"] == ["fake: it is 'before'"]
    assert not rig.reconciler.degraded()
    undone(rig, layer, "other")
    assert events(rig) == ["drift", "drift"]


def test_a_firewall_from_enforce_mode_stays_in_observe_mode_but_is_not_restored() -> None:
    rig, firewall = walled()
    assert stands(firewall)
    rig.reconciler.mends(False)
    rig.drain()
    assert stands(firewall)
    firewall.disturb("nft[1]")
    rig.drain()
    assert not stands(firewall)


def test_what_once_stood_in_observe_mode_is_missed_loudly() -> None:
    layer = FakeLayer(state="ours")
    rig = a_rig(layer, mode=Mode.OBSERVE)
    assert events(rig) == []
    undone(rig, layer)
    assert (events(rig), told(rig)[0].kind, layer.state) == (["drift"], Kind.ALARM, "theirs")


def test_first_it_is_applied_then_it_is_healed() -> None:
    layer = FakeLayer()
    rig = a_rig(layer)
    assert (layer.state, events(rig)) == ("ours", ["applied"])
    assert told(rig)[0].summary == "fake was put in place: fake: it is 'before'"
    undone(rig, layer)
    assert (layer.state, events(rig)) == ("ours", ["applied", "healed"])
    assert told(rig)[1].summary == "fake was undone and healed: fake: it is 'theirs'"
    assert told(rig)[1].kind is Kind.ALARM
    rig.tick(LOOK_SECONDS)
    rig.drain()
    assert events(rig) == ["applied", "healed"]
    row = rig.reconciler.status()[0]
    assert (row["in_place"], row["healed"], row["drift"]) == (True, 1, [])


def test_what_stands_already_is_not_reported() -> None:
    rig = a_rig(FakeLayer(state="ours"))
    assert events(rig) == []
    assert rig.reconciler.status()[0]["in_place"]


def test_a_drift_that_no_watcher_reported_is_found_by_the_period() -> None:
    layer = FakeLayer()
    rig = a_rig(layer)
    rig.tick(LOOK_SECONDS)
    layer.state = "theirs"
    rig.tick(LOOK_SECONDS - 1.0)
    rig.drain()
    rig.tick(1.0)
    rig.drain()
    assert layer.state == "ours"


def test_a_change_while_it_is_looked_at_is_looked_at_again() -> None:
    layer = FakeLayer()
    rig = a_rig(layer)
    rig.reconciler.check()
    rig.step("job")
    layer.state = "theirs"  # after the look, before its result
    rig.reconciler.check(["fake"])
    rig.reconciler.check(["fake"])
    assert rig.ready() == ["result"]
    rig.drain()
    assert (layer.state, layer.applied) == ("ours", 2)


def test_a_failing_layer_is_reported_once_for_each_new_reason() -> None:
    layer, other = FakeLayer(), FakeLayer("other")
    layer.fails = "the file system is read-only"
    rig = a_rig(layer, other)
    for _ in range(3):
        rig.tick(LOOK_SECONDS)
        rig.drain()
    assert sorted(events(rig)) == ["applied", "failed"]
    assert other.state == "ours"
    assert rig.reconciler.degraded() == ["fake: the file system is read-only"]
    assert "read-only" in rig.status_view().status()["degraded"][0]
    layer.fails = "the file is immutable"
    undone(rig, layer)
    layer.fails = ""
    undone(rig, layer)
    assert (layer.state, rig.reconciler.degraded()) == ("ours", [])
    assert sorted(events(rig)) == ["applied", "applied", "failed", "failed"]
    layer.fails = "the file is immutable"
    undone(rig, layer)
    assert sorted(events(rig)).count("failed") == 3


def test_what_is_blocked_is_reported_in_both_modes() -> None:
    for mode, event in ((Mode.ENFORCE, "failed"), (Mode.OBSERVE, "drift")):
        layer = FakeLayer()
        layer.blocked = "line 3, column 5: broken JSON"
        rig = a_rig(layer, mode=mode)
        assert (events(rig), layer.state) == ([event], "before")
        assert "line 3, column 5" in told(rig)[0].summary
        assert not rig.reconciler.status()[0]["in_place"]


def test_what_could_be_restored_in_part_is_reported_and_its_conflicts_count() -> None:
    class Half(FakeLayer):
        """Of several files, one that is blocked."""

        def apply(self) -> Drift:
            drift, self.blocked = self.drift(), ""
            super().apply()
            self.blocked = drift.blocked
            return drift

    layer = Half()
    layer.blocked = "policy.json: broken JSON"
    rig = a_rig(layer)
    assert (layer.state, events(rig)) == ("ours", ["applied", "drift"])
    assert told(rig)[1].kind is Kind.ALARM
    assert rig.reconciler.degraded() == ["fake: policy.json: broken JSON"]
    for _ in range(REVERT_LIMITS.heals + 1):
        undone(rig, layer)
    assert events(rig).count("drift") == 1
    assert events(rig)[-1] == "conflict"
    assert not rig.reconciler.status()[0]["in_place"]


@pytest.mark.parametrize("mode", list(Mode))
def test_each_note_is_reported_once_and_is_no_drift(mode: Mode) -> None:
    layer = FakeLayer(state="ours")
    layer.notes = (Difference("engine", "live-restore is off"),)
    rig = a_rig(layer, mode=mode)
    for _ in range(2):
        rig.tick(LOOK_SECONDS)
        rig.drain()
    assert [f.summary for f in told(rig)] == ["fake: engine: live-restore is off"]
    layer.notes += (Difference("engine", "it is old"),)
    undone(rig, layer, "ours")
    assert events(rig) == ["note", "note"]
    row = rig.reconciler.status()[0]
    assert (row["in_place"], len(row["notes"])) == (True, 2)
    assert not rig.reconciler.degraded()


def test_notes_are_kept_by_what_is_corrected() -> None:
    layer = FakeLayer()
    layer.notes = (Difference("engine", "live-restore is off"),)
    rig = a_rig(layer)
    assert sorted(events(rig)) == ["applied", "note"]
    assert rig.reconciler.status()[0]["notes"] == ["engine: live-restore is off"]


# What mends itself.


def test_a_disturbance_is_counted_and_reported_with_who_did_it() -> None:
    rig, firewall = walled()
    firewall.disturb("nft[4242]")
    rig.drain()
    assert stands(firewall)
    assert events(rig) == ["applied", "healed"]
    healed = told(rig)[1]
    assert healed.summary == "firewall was undone by nft[4242] and healed: it was changed"
    assert healed.details == {"layer": "firewall", "culprit": "nft[4242]"}
    assert rig.reconciler.status()[0]["healed"] == 1


def test_a_culprit_is_not_lost_to_a_look_that_was_under_way() -> None:
    rig, firewall = walled()
    rig.reconciler.check()
    firewall.disturb("nft[4242]")
    firewall.disturb("nft[4243]")
    rig.drain()
    summaries = [f.summary for f in told(rig)[1:]]
    assert summaries == ["firewall was undone 2 times by nft[4243] and healed: it was changed"]
    assert rig.reconciler.status()[0]["healed"] == 2


def test_what_did_not_correct_itself_is_not_reported_as_healed() -> None:
    rig, firewall = walled()
    firewall.broken = "its process cannot be started"
    rig.reconciler.disturbed("firewall", "")
    rig.drain()
    assert events(rig) == ["applied", "failed"]
    assert not rig.reconciler.status()[0]["in_place"]


def test_nobody_corrects_in_observe_mode_whatever_disturbs() -> None:
    rig, firewall = walled(mode=Mode.OBSERVE)
    rig.reconciler.disturbed("firewall", "nft[1]")
    rig.drain()
    assert not stands(firewall)
    assert events(rig) == ["drift"]


def test_a_disturbance_of_a_layer_that_is_not_kept_is_nothing() -> None:
    rig = a_rig(FakeLayer())
    rig.reconciler.disturbed("firewall", "nft[1]")
    rig.drain()
    assert events(rig) == ["applied"]


# Fights.


def test_a_conflict_is_reported_and_pauses_grow() -> None:
    layer = FakeLayer()
    rig = a_rig(layer)
    lengths = []
    for _ in range(3):
        while rig.reconciler.status()[0]["conflict"] is False:
            undone(rig, layer)
        began, applied = rig.clock.monotonic(), layer.applied
        undone(rig, layer)
        assert (layer.state, layer.applied) == ("theirs", applied), "it is left alone"
        assert "another tool keeps reverting it" in rig.reconciler.degraded()[0]
        while rig.reconciler.status()[0]["conflict"]:
            rig.tick(10.0)
            rig.drain()
        lengths.append(round(rig.clock.monotonic() - began, -1))
        assert layer.state == "ours", "it is tried again"
    assert lengths == [60, 120, 240]
    assert events(rig).count("conflict") == 3
    assert events(rig).count("drift") == 3, "one for each pause"


def test_as_many_heals_as_allowed_are_no_fight() -> None:
    layer = FakeLayer()
    rig = a_rig(layer)
    for _ in range(REVERT_LIMITS.heals):
        undone(rig, layer)
    for _ in range(5):
        rig.tick(REVERT_LIMITS.seconds / 4)
        rig.drain()
        undone(rig, layer, "ours")
    assert "conflict" not in events(rig)
    assert rig.reconciler.status()[0]["healed"] == REVERT_LIMITS.heals


def test_the_firewall_never_gives_in_and_only_its_reports_pause() -> None:
    rig, firewall = walled()
    for number in range(REVERT_LIMITS.heals + 1):
        firewall.disturb(f"puppet[{number}]")
        rig.drain()
    assert events(rig).count("conflict") == 1
    conflict = told(rig)[-1]
    assert f"puppet[{REVERT_LIMITS.heals}]" in conflict.summary
    assert "It is restored each time" in conflict.summary
    said = len(told(rig))
    for number in range(40):
        firewall.disturb(f"puppet[{number}]")
        assert stands(firewall), "it mends itself at once"
        rig.drain()
        assert stands(firewall)
    assert len(told(rig)) == said, "reports pause"
    row = rig.reconciler.status()[0]
    assert (row["in_place"], row["conflict"], row["left_alone"]) == (True, True, False)
    assert "it is restored each time" in rig.reconciler.degraded()[0]
    rig.tick(REVERT_LIMITS.seconds)
    rig.drain()
    assert [finding.summary for finding in told(rig)[said:]] == [
        f"firewall was undone 41 times in the last {REVERT_LIMITS.seconds:g} s and healed each time"
    ], "the 40, and the last one before the pause"
    assert not rig.reconciler.degraded()


def test_a_firewall_whose_helper_is_gone_is_put_back_during_a_pause_too() -> None:
    rig, firewall = walled()
    for _ in range(REVERT_LIMITS.heals + 1):
        firewall.disturb("puppet")
        rig.drain()
    firewall.observed = None
    rig.tick(LOOK_SECONDS)
    rig.drain()
    assert stands(firewall)


def test_a_fight_over_one_layer_stops_no_other() -> None:
    layer = FakeLayer()
    rig, firewall = walled(beside=[layer])
    for _ in range(REVERT_LIMITS.heals + 1):
        undone(rig, layer)
    assert [row["conflict"] for row in rig.reconciler.status()] == [False, True]
    firewall.disturb("nft[1]")
    rig.drain()
    assert stands(firewall)
    rig.tick(REVERT_LIMITS.seconds)
    rig.drain()
    assert [row["conflict"] for row in rig.reconciler.status()] == [False, False]


def test_sending_to_a_dead_helper_is_a_failed_check_and_no_more() -> None:
    def healing(_name: str, _on: bool) -> None:
        raise LayerFailed("the firewall's process is gone")

    rig = a_rig(FakeLayer(), healing=healing)
    assert events(rig) == ["failed"]


def test_a_pause_has_a_longest_and_a_quiet_time_forgives() -> None:
    backoff, now = RevertBackoff(RevertLimits(1, 10.0)), 0.0
    pauses = []
    for _ in range(12):
        assert not backoff.healed(now)
        assert backoff.healed(now)
        pauses.append(backoff.pause)
        assert not backoff.over(now + backoff.pause - 0.1)
        now += backoff.pause
        assert backoff.over(now) and not backoff.over(now)
    assert pauses[:3] == [10.0, 20.0, 40.0]
    assert pauses[-1] == LONGEST_PAUSE
    now += 2 * LONGEST_PAUSE
    backoff.healed(now)
    assert backoff.healed(now) and backoff.pause == 10.0


# Refusals.


def test_a_refusal_names_who_and_what() -> None:
    rig, firewall = walled()
    firewall.refuse(Refusal("quay.io", 3, "192.0.2.1:443/tcp", "container web"))
    firewall.refuse(Refusal("", 1, "192.0.2.9:80/tcp", "engine"))
    firewall.refuse(Refusal("", 2))
    known, other, unknown = told(rig)[1:]
    assert known.event == "egress.refused"
    assert known.summary == "container web tried to reach quay.io and was refused (3 packets)."
    assert known.details["destination"] == "192.0.2.1:443/tcp"
    assert "private registry" in known.next_step
    assert other.summary == (
        "The engine tried to reach 192.0.2.9:80/tcp and was refused (1 packet)."
    )
    assert unknown.summary.startswith("Something on this host tried to reach an address")


@pytest.mark.parametrize("name", ["quay.io", "quay.io/acme/web:1", "192.0.2.1", "192.0.2.1:443"])
def test_a_refusal_can_be_looked_up(name: str) -> None:
    rig, firewall = walled()
    rig.run("evil", "bad")
    firewall.refuse(Refusal("quay.io", 3, "192.0.2.1:443/tcp", "engine"))
    firewall.refuse(Refusal("", 1, "192.0.2.9:80/tcp", "engine"))
    answer = rig.status_view().explain(name)
    assert (answer["name"], answer["action"]) == ("quay.io", "refuse")
    assert answer["reason"] == "The engine tried to reach quay.io and was refused (3 packets)."
    assert "private registry" in answer["next_step"]
    assert rig.status_view().explain("bad")["action"] == "kill"
    with pytest.raises(DockwardenError, match="no such refused address"):
        rig.status_view().explain("ghcr.io")


def test_the_refusals_that_are_remembered_are_bounded() -> None:
    rig, firewall = walled()
    for number in range(REMEMBERED + 5):
        firewall.refuse(Refusal("", 1, f"192.0.2.1:{number}/tcp", "engine"))
    assert len(rig.memory.egress) == REMEMBERED
    assert rig.memory.refusal("192.0.2.1:4") is None
    assert rig.memory.refusal("192.0.2.1:5") is not None


# Restored.


def test_after_a_restore_nothing_is_corrected_any_more() -> None:
    layer, other = FakeLayer(), FakeLayer("other")
    rig = a_rig(layer, other)
    rows: list[Any] = []
    rig.reconciler.restore(rows.extend)
    rig.drain()
    assert (layer.state, other.state) == ("before", "before")
    assert [row["layer"] for row in rows] == ["other", "fake"], "the last one first"
    assert rows[1] == {"layer": "fake", "undone": ["fake: put back"], "error": ""}
    for _ in range(3):
        rig.tick(LOOK_SECONDS)
        undone(rig, layer)
        rig.reconciler.disturbed("fake", "nft[1]")
    rig.connect()
    rig.drain()
    assert (layer.state, layer.applied) == ("theirs", 1)
    assert sorted(events(rig)) == ["applied", "applied", "restored"]
    assert rig.reconciler.degraded() == [
        "the lockdown was restored by hand: restart the agent to put it back"
    ]
    assert not any(row["in_place"] for row in rig.reconciler.status())


def test_a_restore_waits_for_what_is_being_done() -> None:
    layer = FakeLayer()
    rig = a_rig(layer)
    layer.state = "theirs"
    rig.reconciler.check()
    rig.reconciler.check()
    rows: list[Any] = []
    rig.reconciler.restore(rows.extend)
    rig.reconciler.restore(rows.extend)
    assert len(rig.post.jobs) == 1, "the look; no restore beside it"
    rig.drain()
    assert layer.state == "before"
    assert len(rows) == 2, "both who asked are told"
    assert events(rig) == ["applied", "restored"]


def test_a_restore_ends_a_pause_for_good() -> None:
    layer = FakeLayer()
    rig = a_rig(layer)
    while not rig.reconciler.status()[0]["conflict"]:
        undone(rig, layer)
    rig.reconciler.restore(lambda _: None)
    rig.drain()
    rig.tick(REVERT_LIMITS.seconds * 3)
    rig.drain()
    assert layer.state == "before"
    assert not rig.reconciler.status()[0]["conflict"]


def test_a_layer_that_cannot_be_restored_hinders_no_other() -> None:
    layer, other = FakeLayer(), FakeLayer("other")
    rig = a_rig(layer, other)
    other.fails = "the backup is gone"
    rows: list[Any] = []
    rig.reconciler.restore(rows.extend)
    rig.drain()
    assert layer.state == "before"
    assert [row["error"] for row in rows] == ["the backup is gone", ""]
    assert rig.reconciler.status()[1]["error"] == "the backup is gone"


def test_without_layers_a_restore_says_so_at_once() -> None:
    rig = a_rig()
    rows: list[Any] = [1]
    rig.reconciler.restore(rows.extend)
    rig.drain()
    assert rows == [1]


def test_an_agent_that_does_nothing_about_a_restore_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = a_rig(FakeLayer())
    monkeypatch.setattr("agent.api.control_api.RESTORE_SECONDS", 0.05)
    with looping() as loop, pytest.raises(DockwardenError, match="did not answer"):
        ControlApi(rig.status_view(), loop).for_root()["restore"]({})  # nobody runs the rig's jobs


def test_a_layer_counts_as_checked_when_it_is_restored_or_has_said_why_not() -> None:
    """The start of the service waits for this."""
    rig = a_rig(FakeLayer("firewall"))
    assert rig.reconciler.looked_at("firewall")
    assert rig.reconciler.looked_at("no such layer")
    waiting = Rig(trusted=listed(), layers=(FakeLayer("firewall"),))
    assert not waiting.reconciler.looked_at("firewall")
