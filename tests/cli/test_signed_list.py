"""`sync`, `allowlist`, `break-glass`, and what `status` and `explain` say of a signed list."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.allowlist_file import dump
from agent.cli.lists import allowlist_commands as allowlist_verbs
from agent.cli.lists import host_list
from agent.cli.lists.host_list import HostList
from agent.enforcement.freshness import list_freshness
from agent.helpers.sync.sync_request import ScopeReport, SyncReport
from core.allowlist.allowlist import Allowlist, Level, ListInfo
from tests.cli.conftest import Host
from tests.cli.test_ask_agent import STATUS
from tests.core.build import approval, deny, waiver

NOW = datetime.now(UTC)
TOP = Level("acme", (approval("nginx", repository="r.test/nginx", tags=("1.27",)),), (deny("bad"),))
BELOW = Level(
    "acme.pay",
    (approval("app", repository="r.test/app"),),
    (deny("old", revoked=True),),
    (waiver("deny"),),
)


def digest_of(name: str) -> str:
    (digest, *_) = sorted(map(str, approval(name).digests))
    return digest


def a_list(*, ends: timedelta = timedelta(hours=20), problem: str = "") -> HostList:
    """A signed list as a host has it."""
    scopes = (
        ScopeReport("acme", 7, (NOW + timedelta(days=9)).isoformat(), ("ann", "bob"), 1, 1),
        ScopeReport("acme.pay", 3, NOW.isoformat(), ("eve",), 1, 1, problem),
    )
    answer = SyncReport(
        4,
        False,
        sequence=10,
        timestamp_expires_at=(NOW + ends).isoformat(),
        when_too_stale="close",
        scopes=scopes,
    )
    info = ListInfo(10, "https://lists.acme.test, signed", True, "acme.pay", "ops", 2, 2)
    signers = {each.scope: each.signers for each in scopes}
    return HostList(
        Allowlist([TOP, BELOW], info), NOW, answer, list_freshness(answer, NOW), signers
    )


@pytest.fixture
def signed(host: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host whose list is signed and fresh."""
    use(monkeypatch, a_list())
    return host


def use(monkeypatch: pytest.MonkeyPatch, found: HostList) -> None:
    """The list that verbs find on this host."""
    monkeypatch.setattr(host_list, "host_list", lambda *_: found)
    monkeypatch.setattr(allowlist_verbs, "host_list", lambda *_: found)


# allowlist


def test_show_names_levels_signers_and_freshness(signed: Host) -> None:
    result = signed.run("allowlist", "show")
    assert result.exit_code == 0
    for told in ("fresh until", "ann, bob", "eve", "acme.pay", "sequence   10"):
        assert told in result.stdout
    answer = json.loads(signed.run("allowlist", "show", "-o", "json").stdout)
    assert [scope["signers"] for scope in answer["scopes"]] == [["ann", "bob"], ["eve"]]


def test_show_exits_with_3_for_a_stale_list(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, a_list(ends=timedelta(days=-8)))
    result = host.run("allowlist", "show")
    assert result.exit_code == 3
    assert "too stale since" in result.stdout and "CLOSED" in result.stdout


def test_show_shows_which_level_is_held_up(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, a_list(problem="list.json: $.count: no number"))
    result = host.run("allowlist", "show")
    assert result.exit_code == 3
    assert "acme.pay: not the newest: list.json: $.count: no number" in result.stdout


def test_an_unsigned_file_is_called_so(host: Host) -> None:
    host.write("allowlist.json", dump([TOP], 5, "ops").decode())
    result = host.run("allowlist", "show")
    assert (result.exit_code, "UNSIGNED" in result.stdout) == (0, True)
    found = json.loads(host.run("allowlist", "search", "ngin", "-o", "json").stdout)
    assert [(each["what"], each["scope"]) for each in found] == [("approval", "acme")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1.27", [("approval", "acme")]),
        ("APP", [("approval", "acme.pay")]),
        (digest_of("app"), [("waiver", "acme.pay"), ("approval", "acme.pay")]),
        ("nothing-such", []),
    ],
)
def test_search(signed: Host, text: str, found: list[tuple[str, str]]) -> None:
    result = signed.run("allowlist", "search", text, "-o", "json")
    told = [(each["what"], each["scope"]) for each in json.loads(result.stdout)]
    assert (told, result.exit_code) == (found, 0 if found else 3)


@pytest.mark.parametrize(
    ("entry", "what"), [(TOP.denies[0], "deny"), (BELOW.denies[0], "revocation")]
)
def test_search_by_digest_finds_denies(signed: Host, entry: Any, what: str) -> None:
    digest = str(min(entry.digests, key=str))
    assert what in signed.run("allowlist", "search", digest).stdout


# check


def test_check_names_level_and_signers(signed: Host) -> None:
    answer = json.loads(signed.run("check", digest_of("nginx"), "-o", "json").stdout)[0]
    assert (answer["verdict"], answer["scope"]) == ("approved", "acme")
    assert answer["signers"] == ["ann", "bob"]
    assert "signed by  ann, bob" in signed.run("check", digest_of("nginx")).stdout


def test_check_knows_that_a_closed_list_approves_nothing(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, a_list(ends=timedelta(days=-8)))
    result = host.run("check", digest_of("nginx"))
    assert result.exit_code == 3
    assert "too stale to approve anything" in result.stdout


# status and explain

SIGNED = {
    **STATUS["allowlist"],
    "signed": True,
    "source": "https://lists.acme.test",
    "freshness": "stale",
    "fresh_until": "2026-11-23T09:00:00+00:00",
    "too_stale_at": "2026-11-30T09:00:00+00:00",
    "when_too_stale": "hold",
    "closed": False,
    "synced_at": "2026-11-23T08:00:00+00:00",
    "sync_error": "https://lists.acme.test: no route to host",
}


def test_status_shows_freshness_the_last_sync_and_break_glass(host: Host) -> None:
    break_glass = {
        "active": True,
        "ends_at": "2026-11-23T14:00:00+00:00",
        "issued_by": "carol",
        "reason": "the list is wrong",
    }
    host.serve({"status": lambda _: {**STATUS, "allowlist": SIGNED, "break_glass": break_glass}})
    told = host.run("status").stdout
    for words in (
        "signed, loaded",
        "from https://lists.acme.test",
        "stale since",
        "last sync",
        "no route to host",
        "IN FORCE until",
    ):
        assert words in told
    assert "by carol: the list is wrong" in told


# sync


def _syncing(host: Host, outcome: Mapping[str, Any]) -> None:
    asked: list[Any] = []

    def told(given: Mapping[str, Any]) -> Any:
        asked.append(given["number"])
        return {"done": False} if len(asked) == 1 else {"done": True, **outcome}

    host.serve({"sync": lambda _: {"signed": True, "number": 7}, "sync-outcome": told})


def test_sync_waits_and_prints_the_outcome(host: Host) -> None:
    _syncing(host, {"changed": True, "error": "", "sequence": 8, "freshness": "fresh"})
    result = host.run("sync", "--wait")
    assert result.exit_code == 0
    assert "a new list was adopted" in result.stdout


def test_a_failed_sync_is_an_error_with_its_fix(host: Host) -> None:
    _syncing(host, {"error": "root.json: no such file", "hint": "put it there", "sequence": None})
    result = host.run("sync", "--wait")
    assert result.exit_code == 1
    assert "dockwarden: error: root.json: no such file" in result.stderr
    assert "hint: put it there" in result.stderr


def test_sync_of_an_unsigned_file_says_so(host: Host) -> None:
    host.serve({"sync": lambda _: {"signed": False}})
    assert "unsigned" in host.run("sync", "--wait").stdout


# break-glass


def test_break_glass_passes_a_tokens_text_however_it_is_given(host: Host) -> None:
    given: list[str] = []

    def take(arguments: Mapping[str, Any]) -> Any:
        given.append(arguments["token"])
        return {"active": True, "ends_at": "", "began_at": "", "issued_by": "c", "reason": "r"}

    host.serve({"break-glass-apply": take})
    file = host.write("token.json", '{"payload": "x"}')
    for token in (str(file), '{"payload": "x"}', "eyJwYXlsb2FkIjoieCJ9"):
        result = host.run("break-glass", "apply", token)
        assert (result.exit_code, "IN FORCE" in result.stdout) == (0, True)
    assert given == ['{"payload": "x"}', '{"payload": "x"}', "eyJwYXlsb2FkIjoieCJ9"]
    missing = host.run("break-glass", "apply", str(Path(host.folder, "none.json")))
    assert (missing.exit_code, "cannot be read" in missing.stderr) == (1, True)


def test_break_glass_request_and_end(host: Host) -> None:
    host.serve(
        {
            "break-glass-request": lambda _: {"host": "a" * 32, "nonce": "b" * 32},
            "break-glass-end": lambda _: {"ended": True},
            "break-glass-status": lambda _: {"active": False},
        }
    )
    told = host.run("break-glass", "request").stdout
    assert f"--host {'a' * 32}" in told and f"--nonce {'b' * 32}" in told
    assert "has ended" in host.run("break-glass", "end").stdout
    assert "not in force" in host.run("break-glass", "status").stdout
