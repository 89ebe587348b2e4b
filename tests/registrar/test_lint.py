"""`lint`: each kind of slip is found, and a tidy workspace has none."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from core.allowlist.allowlist import Constraints, Deny, Waiver
from registrar import registrar_clock
from registrar.workspace import Draft
from tests.registrar.ceremony import Ceremony, approval, digest


@pytest.fixture
def solo(tmp_path: Path) -> Ceremony:
    made = Ceremony(tmp_path).start()
    made.run("scope", "add", "acme.pay")
    return made


def said(solo: Ceremony, draft: Draft) -> str:
    solo.workspace.save(draft, "draft")
    return solo.run("lint", code=3)


def test_a_tidy_workspace_has_none(solo: Ceremony) -> None:
    solo.approve(1, scope="acme.pay")
    assert "nothing to remark" in solo.run("lint")


def test_approvals_that_ended_or_will_soon(solo: Ceremony) -> None:
    soon, ended = approval(1, days=10), approval(2, days=1)
    out = said(solo, Draft("acme", {soon.id: soon, ended.id: ended}))
    assert "app-1" in out
    assert "expires" in out
    assert "app-2" in out
    assert "expired" in out


def test_what_a_level_above_would_not_take(solo: Ceremony) -> None:
    solo.approve(1, scope="acme.pay")
    out = said(solo, Draft("acme", constraints=Constraints(required_scanners=frozenset({"trivy"}))))
    assert "acme.pay: registry.acme.example/team/app-1" in out
    assert "acme requires otherwise" in out
    assert "trivy" in out


def test_a_deny_that_meets_an_approval_of_its_own(solo: Ceremony) -> None:
    one = approval(1)
    deny = Deny(frozenset({digest(1, "config")}), "no more")
    out = said(solo, Draft("acme", {one.id: one}, (deny,)))
    assert "matches an approval of the same scope" in out
    solo.workspace.save(Draft("acme", {one.id: one}, (replace(deny, revoked=True),)), "revoked")
    assert "nothing to remark" in solo.run("lint")


@pytest.mark.parametrize(
    ("days", "number", "lifts", "expected"),
    [
        (-1, 1, "deny", "it ended"),
        (1, 2, "deny", "it lifts nothing"),
        (1, 2, "constraint", "no scope approves that image"),
    ],
)
def test_waivers_without_meaning(
    solo: Ceremony, days: int, number: int, lifts: str, expected: str
) -> None:
    deny = Deny(frozenset({digest(1, "index")}), "no")
    solo.workspace.save(Draft("acme.pay", denies=(deny,)), "deny")
    end = registrar_clock.now() + timedelta(days=days)
    waiver = Waiver(frozenset({digest(number, "index")}), lifts, "fire", "ann", end)
    assert expected in said(solo, Draft("acme", waivers=(waiver,)))


def test_a_waiver_for_a_deny_below_means_something(solo: Ceremony) -> None:
    deny = Deny(frozenset({digest(1, "index")}), "no")
    solo.workspace.save(Draft("acme.pay", denies=(deny,)), "deny")
    end = registrar_clock.now() + timedelta(days=1)
    waiver = Waiver(frozenset({digest(1, "index")}), "deny", "fire", "ann", end)
    solo.workspace.save(Draft("acme", waivers=(waiver,)), "waive")
    assert "nothing to remark" in solo.run("lint")


def test_all_of_all_and_online_keys_that_sign_more(tmp_path: Path) -> None:
    team = Ceremony(tmp_path).start_team()
    assert "nothing to remark" in team.run("lint")
    team.run("scope", "set-threshold", "root", "3")
    assert "if one key is lost, nobody can change it" in team.run("lint", code=3)
    path = team.path / "scopes" / "acme" / "scope.toml"
    path.write_text(path.read_text().replace('"cid"', '"online-snapshot"'))
    assert "online-snapshot is an online key" in team.run("lint", code=3)
