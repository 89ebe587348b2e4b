"""Which layer wins, what is merged, and where each value is said to come from."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.config.config_values import BuildSteps, Config, OnTimeout
from agent.config.layers import Inputs, peek
from agent.config.load import load
from core.decision.verdict import DEFAULT_ENFORCE, Action, EnforcementPoint, Mode, Verdict
from tests.config.conftest import loaded, write

ONE = "sha256:" + "1" * 64
TWO = "sha256:" + "2" * 64


def exemption(digest: str, owner: str) -> str:
    return (
        f'[[enforcement.exemptions]]\ndigest = "{digest}"\nreason = "r"\n'
        f'owner = "{owner}"\nexpires = 2027-01-31T01:00:00+01:00\n'
    )


def test_the_defaults_touch_nothing() -> None:
    assert Config().enforcement.actions == DEFAULT_ENFORCE
    assert Config().agent.mode is Mode.OBSERVE


def test_an_empty_file_is_the_defaults(folder: Path) -> None:
    assert loaded(folder).config == Config()


def test_each_layer_overrides_the_one_below(folder: Path, tmp_path: Path) -> None:
    write(
        folder / "agent.toml",
        "[circuit_breaker]\nkills = 2\nseconds = 2\nshare = 0.2\n[gate]\nhold_seconds = 2",
    )
    write(folder / "conf.d/20.toml", "[circuit_breaker]\nkills = 4")
    write(folder / "conf.d/10.toml", "[circuit_breaker]\nkills = 3\nseconds = 3\nshare = 0.3")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    write(credentials / "dockwarden.circuit_breaker.seconds", "6\n")
    write(credentials / "other.secret", "not ours")
    environ = {
        "DOCKWARDEN_CIRCUIT_BREAKER__SECONDS": "5",
        "DOCKWARDEN_CIRCUIT_BREAKER__SHARE": "0.5",
        "CREDENTIALS_DIRECTORY": str(credentials),
    }
    result = loaded(folder, environ, circuit_breaker={"share": 0.7})
    circuit_breaker = result.config.circuit_breaker
    assert (circuit_breaker.kills, circuit_breaker.seconds, circuit_breaker.share) == (4, 6.0, 0.7)
    assert result.config.gate.hold_seconds == 2.0
    assert result.origins == {
        ("gate", "hold_seconds"): str(folder / "agent.toml"),
        ("circuit_breaker", "kills"): str(folder / "conf.d/20.toml"),
        ("circuit_breaker", "seconds"): "credential dockwarden.circuit_breaker.seconds",
        ("circuit_breaker", "share"): "command line",
    }
    assert result.secret == {("circuit_breaker", "seconds")}


def test_a_drop_in_leaves_the_other_keys_of_its_table(folder: Path) -> None:
    write(folder / "agent.toml", '[enforcement.actions]\nexpired = "kill"')
    write(folder / "conf.d/a.toml", '[enforcement.actions]\nunlisted = "pause"')
    table = loaded(folder).config.table
    assert table.action(Mode.ENFORCE, Verdict.EXPIRED) is Action.KILL
    assert table.action(Mode.ENFORCE, Verdict.UNLISTED) is Action.PAUSE
    assert table.action(Mode.ENFORCE, Verdict.APPROVED) is Action.ALLOW


def test_exemptions_of_all_files_add_up(folder: Path) -> None:
    write(folder / "agent.toml", exemption(ONE, "a") + "[enforcement]\nkeep_refused = true\n")
    write(folder / "conf.d/a.toml", exemption(TWO, "b"))
    result = loaded(folder)
    first, second = result.config.enforcement.exemptions
    assert (str(first.digest), first.owner, str(second.digest), second.owner) == (
        ONE,
        "a",
        TWO,
        "b",
    )
    assert first.expires_at == datetime(2027, 1, 31, tzinfo=UTC)
    assert result.config.enforcement.keep_refused
    assert result.origins[("enforcement", "exemptions", "1")] == str(folder / "conf.d/a.toml")


def test_plain_lists_are_replaced(folder: Path) -> None:
    write(folder / "agent.toml", '[gate]\nroots = ["/a", "/b"]')
    write(folder / "conf.d/a.toml", '[gate]\nroots = ["/c"]')
    assert loaded(folder).config.gate.roots == ("/c",)


def test_the_environment_is_read_by_the_keys_type(folder: Path) -> None:
    environ = {
        "DOCKWARDEN_AGENT__MODE": "enforce",
        "DOCKWARDEN_AGENT__HOST_NAME": "123",
        "DOCKWARDEN_ENFORCEMENT__ENFORCEMENT_POINTS": "create, start",
        "DOCKWARDEN_ENFORCEMENT__KEEP_KILLED": "false",
        "DOCKWARDEN_ENFORCEMENT__BUILD_STEPS": "allow",
        "DOCKWARDEN_ENFORCEMENT__ACTIONS__DERIVED": "stop",
        "DOCKWARDEN_GATE__ROOTS": '["/x,y"]',
        "DOCKWARDEN_GATE__ON_TIMEOUT": "kill",
        "DOCKWARDEN_REPORTS__MAX_MEGABYTES": "5",
        "DOCKWARDEN_CONFIG": "an option, not a key",
    }
    config = loaded(folder, environ).config
    assert config.agent.mode is Mode.ENFORCE
    assert config.agent.host_name == "123"
    assert config.enforcement.enforcement_points == {
        EnforcementPoint.CREATE,
        EnforcementPoint.START,
    }
    assert not config.enforcement.keep_killed
    assert config.enforcement.build_steps is BuildSteps.ALLOW
    assert config.enforcement.actions[Verdict.DERIVED] is Action.STOP
    assert config.gate.roots == ("/x,y",)
    assert config.gate.on_timeout is OnTimeout.KILL
    assert config.reports.max_megabytes == 5


def test_peek_finds_the_agent_though_files_are_broken(folder: Path) -> None:
    write(folder / "agent.toml", '[control]\nsocket = "/x.sock"\nsokcet = 1')
    write(folder / "conf.d/a.toml", "broken [")
    write(folder / "conf.d/b.toml", "control = 7")
    inputs = Inputs(folder / "agent.toml")
    assert peek(inputs, ("control", "socket"), "default") == "/x.sock"
    assert peek(inputs, ("control", "explain_socket"), "default") == "default"


def test_the_default_file_may_be_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("agent.config.config_files.DEFAULT_FILE", tmp_path / "none" / "agent.toml")
    result = load(Inputs(None, {"DOCKWARDEN_CIRCUIT_BREAKER__KILLS": "3"}))
    assert result.config.circuit_breaker.kills == 3
