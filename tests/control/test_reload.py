"""A changed configuration is taken up while the agent works, or refused with the error."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from agent.api.control_api import ControlApi
from agent.api.reload import Outcome, Reloaded, Reloader, differences, live
from agent.app import wiring
from agent.config.config_values import (
    AgentConfig,
    AllowlistConfig,
    CircuitBreakerConfig,
    Config,
    EnforcementConfig,
)
from agent.config.sinks_config import WebhookSink
from core.base_errors import ConfigInvalid, DockwardenError
from core.decision.verdict import EnforcementPoint, Mode
from core.findings.finding import Kind
from tests.control.fake_host import listed
from tests.control.looping import looping
from tests.control.rig import Rig

OBSERVE = Config()
ENFORCE = replace(OBSERVE, agent=AgentConfig(mode=Mode.ENFORCE))


@dataclass
class Reloading:
    """An agent that started with `config`; `files` is what it would read now."""

    config: Config
    files: Config | ConfigInvalid = field(default_factory=Config)
    outcomes: list[Outcome] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rig = Rig(mode=self.config.agent.mode, trusted=listed()).begin()
        self.reloader = Reloader(
            self.config,
            read=self._read,
            adopt=self._adopt,
            work=self.rig.post,
            notice=self.rig.enforcer.services.finding_factory.notice,
            emit=self.rig.sink.findings.append,
        )

    def _read(self) -> Config:
        if isinstance(self.files, ConfigInvalid):
            raise self.files
        return self.files

    def _adopt(self, config: Config) -> None:
        wiring.adopt(config, self.rig.enforcer, self.rig.rescanner, self.rig.reconciler)

    def reload(self, files: Config | ConfigInvalid) -> Outcome:
        self.files = files
        self.reloader.reload(self.outcomes.append)
        self.rig.drain()
        return self.outcomes[-1]


def test_enforcement_begins_and_ends_without_a_restart() -> None:
    agent = Reloading(OBSERVE)
    agent.rig.start("bad", "one")
    agent.rig.drain()
    assert "one" in agent.rig.host.live
    assert agent.reload(ENFORCE) == Reloaded(("agent.mode",), ())
    assert "one" not in agent.rig.host.live
    held = agent.rig.start("bad", "two")
    assert held in agent.rig.gate.held
    agent.rig.drain()
    assert "two" not in agent.rig.host.live
    agent.reload(OBSERVE)
    agent.rig.start("bad", "three")
    agent.rig.drain()
    assert "three" in agent.rig.host.live


def test_a_wrong_file_changes_nothing_and_is_reported_until_it_is_right() -> None:
    agent = Reloading(ENFORCE)
    wrong = ConfigInvalid(["agent.toml: [agent] mod is unknown"])
    assert agent.reload(wrong) is wrong
    assert agent.reloader.degraded() == [
        "the configuration was not reloaded: agent.toml: [agent] mod is unknown"
    ]
    assert "config.refused" in agent.rig.events_of(Kind.ALARM)
    agent.rig.start("bad", "one")
    agent.rig.drain()
    assert "one" not in agent.rig.host.ran
    agent.reload(ENFORCE)
    assert agent.reloader.degraded() == []


def test_what_needs_a_restart_is_named_and_stays() -> None:
    agent = Reloading(OBSERVE)
    new = replace(
        OBSERVE,
        agent=AgentConfig(contact="ann", state_dir="/elsewhere"),
        allowlist=AllowlistConfig(poll_seconds=5.0),
    )
    left = ("agent.state_dir", "allowlist.poll_seconds")
    assert agent.reload(new) == Reloaded(("agent.contact",), left)
    assert agent.reload(new) == Reloaded((), left)
    assert agent.rig.enforcer.policy.contact == "ann"
    assert agent.reloader.status()["needs_restart"] == list(left)
    assert agent.reload(OBSERVE) == Reloaded(("agent.contact",), ())


def test_an_open_breaker_stays_open() -> None:
    agent = Reloading(ENFORCE)
    agent.rig.enforcer.circuit_breaker.opened_at = 1.0
    agent.reload(replace(ENFORCE, circuit_breaker=CircuitBreakerConfig(kills=3)))
    breaker = agent.rig.enforcer.circuit_breaker
    assert breaker.is_open and breaker.limits.kills == 3


def test_break_glass_stays_in_force() -> None:
    agent = Reloading(ENFORCE)
    agent.rig.enforcer.policy.break_glass.active = True
    agent.reload(replace(ENFORCE, agent=replace(ENFORCE.agent, contact="ann")))
    assert agent.rig.enforcer.policy.acts_as is Mode.OBSERVE


def test_a_gate_that_is_switched_off_only_watches() -> None:
    agent = Reloading(ENFORCE)
    points = frozenset({EnforcementPoint.START})
    agent.reload(replace(ENFORCE, enforcement=EnforcementConfig(enforcement_points=points)))
    assert agent.rig.start("bad", "one") not in agent.rig.gate.held


def test_asked_while_reading_reads_once_more() -> None:
    agent = Reloading(OBSERVE)
    agent.reloader.reload(agent.outcomes.append)
    agent.files = ENFORCE
    agent.reloader.reload(agent.outcomes.append)
    agent.rig.drain()
    assert len(agent.outcomes) == 2 and agent.rig.enforcer.policy.mode is Mode.ENFORCE


def test_differences_name_keys_and_no_values() -> None:
    new = replace(OBSERVE, sinks=replace(OBSERVE.sinks, webhook=WebhookSink(url="https://u:pw@h")))
    assert list(differences(OBSERVE, new)) == ["sinks.webhook.url"]
    assert live(OBSERVE, new) == OBSERVE


@pytest.mark.parametrize("right", [True, False])
def test_the_verb_answers_what_came_of_it(right: bool) -> None:
    def read() -> Config:
        if not right:
            raise ConfigInvalid(["no"], hint="correct it")
        return ENFORCE

    rig = Rig()
    with looping() as loop:
        reloader = Reloader(
            OBSERVE,
            read=read,
            adopt=lambda _: None,
            work=loop,
            notice=rig.enforcer.services.finding_factory.notice,
            emit=lambda _: None,
        )
        ask: Callable[..., Any] = ControlApi(
            replace(rig.status_view(), reloader=reloader), loop
        ).for_root()["reload"]
        if right:
            assert ask({}) == {"changed": ("agent.mode",), "needs_restart": ()}
        else:
            with pytest.raises(DockwardenError, match="no"):
                ask({})
