"""Publishing: all or nothing, in an order that leaves hosts a whole list, whatever dies."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.helpers.sync.sync_request import Request, SyncReport
from agent.helpers.sync.sync_run import sync
from core.list_format.payload import INLINE_LIMIT
from registrar import registrar_clock
from registrar.repository.switching import mirror
from tests.patience import PATIENCE
from tests.registrar.ceremony import PASSPHRASE, Ceremony

# Runs `publish` and dies as by kill -9 before its Nth renaming or removal of a file.
DYING = """
import os, signal, sys
left = int(sys.argv[1])
def dying(event, arguments):
    global left
    if event in ("os.rename", "os.remove", "os.rmdir") and sys.argv[2] in str(arguments[0]):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.dont_write_bytecode = True
from registrar.cli.registrar_main import cli
import registrar.cli.publication.publish
sys.addaudithook(dying)
cli(["-C", sys.argv[2], "publish"])
"""


@pytest.fixture
def solo(tmp_path: Path) -> Ceremony:
    return Ceremony(tmp_path).start()


@pytest.fixture
def team(tmp_path: Path) -> Ceremony:
    made = Ceremony(tmp_path).start_team().signed_by("ann", "bob")
    made.run("publish")
    return made


def count(admin: Ceremony, cache: Path) -> int:
    found: int = json.loads(admin.read("acme/list.json", cache))["count"]
    return found


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_what_is_published_a_stock_client_reads(solo: Ceremony, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for number in (1, 2, 3):
        solo.approve(number)
        solo.signed_by("solo").run("publish")
        listing = json.loads(solo.read("acme/list.json", cache))
        assert (listing["count"], listing["sequence"]) == (number, number + 1)


def test_below_the_threshold_nothing_is_published(team: Ceremony) -> None:
    before = files(team.repository)
    team.approve(1)
    team.signed_by("cid")
    assert "nothing was published" in team.run("publish", code=1)
    assert files(team.repository) == before


def test_a_draft_that_changes_after_it_was_signed_is_signed_again(
    team: Ceremony, tmp_path: Path
) -> None:
    team.approve(1)
    team.signed_by("ann")
    team.approve(2)
    assert "0 of 2 administrators have signed acme" in team.run("status")
    assert "they have to sign it again" in team.run("sign", "--key", "bob", "--yes")
    assert "1 of 2 administrators have signed acme: bob" in team.run("publish", code=1)
    team.signed_by("ann").run("publish")
    assert count(team, tmp_path / "cache") == 2


def test_taking_a_draft_back_takes_its_signatures_back(team: Ceremony, tmp_path: Path) -> None:
    before = team.workspace.draft("acme")
    team.approve(1)
    team.signed_by("ann", "bob")
    team.workspace.save(before, "on second thoughts")
    assert "nothing new" in team.run("publish")
    assert count(team, tmp_path / "cache") == 0


def test_nobody_approves_alone_what_they_asked_for(team: Ceremony) -> None:
    team.approve(1)
    draft = team.workspace.draft("acme")
    mine = {key: replace(a, requester="ann") for key, a in draft.approvals.items()}
    team.workspace.save(replace(draft, approvals=mine), "for myself")
    assert "ann asked for" in team.run("sign", "--key", "bob", "--yes", code=1)
    path = team.path / "scopes" / "acme" / "scope.toml"
    path.write_text(path.read_text().replace("may_approve = false", "may_approve = true"))
    team.run("sign", "--key", "bob", "--yes")


def test_what_waits_and_says_something_else_is_never_signed(team: Ceremony) -> None:
    team.approve(1)
    team.signed_by("ann")
    path = next(team.path.glob("pending/acme/targets/acme/*.list.json"))
    path.write_bytes(path.read_bytes().replace(b"app-1", b"app-6"))
    assert "not what was signed" in team.run("sign", "--key", "bob", "--yes", code=1)
    assert not (team.path / "pending/acme/signatures/bob.json").exists()


def test_one_scopes_missing_signature_holds_up_no_other(team: Ceremony, tmp_path: Path) -> None:
    team.run("scope", "add", "acme.pay")
    team.signed_by("ann", "bob").run("publish")
    team.approve(1)
    team.approve(2, scope="acme.pay")
    team.run("sign", "--key", "ann", "--yes")
    team.run("sign", "--key", "bob", "--role", "acme", "--yes")
    team.run("publish", code=1)
    assert "acme.pay" in team.run("publish", "--ready")
    assert count(team, tmp_path / "cache") == 1
    assert json.loads(team.read("acme.pay/list.json", tmp_path / "cache"))["count"] == 0


def test_an_approval_is_revoked_never_deleted(solo: Ceremony) -> None:
    solo.approve(1)
    solo.signed_by("solo").run("publish")
    draft = solo.workspace.draft("acme")
    solo.workspace.save(replace(draft, approvals={}), "forget it")
    out = solo.run("sign", "--key", "solo", "--yes", code=1)
    assert "app-1" in out
    assert "image revoke" in out


def test_an_expired_approval_may_go(solo: Ceremony, tmp_path: Path) -> None:
    solo.approve(1)
    draft = solo.workspace.draft("acme")
    (one,) = draft.approvals.values()
    ended = replace(
        one,
        approved_at=one.approved_at - timedelta(days=9),
        expires_at=registrar_clock.now() - timedelta(hours=1),
    )
    solo.workspace.save(replace(draft, approvals={one.id: ended}), "it ended")
    solo.signed_by("solo").run("publish")
    solo.workspace.save(replace(draft, approvals={}), "drop it")
    solo.signed_by("solo").run("publish")
    assert count(solo, tmp_path / "cache") == 0


def test_a_removed_scope_is_gone_for_hosts_that_knew_it(solo: Ceremony, tmp_path: Path) -> None:
    solo.run("scope", "add", "acme.pay")
    solo.signed_by("solo").run("publish")
    cache = tmp_path / "cache"
    solo.read("acme.pay/list.json", cache)
    solo.run("scope", "remove", "acme.pay")
    solo.signed_by("solo").run("publish")
    with pytest.raises(AssertionError):
        solo.read("acme.pay/list.json", cache)
    assert count(solo, cache) == 0
    solo.run("scope", "add", "acme.pay")
    solo.signed_by("solo").run("publish")
    assert json.loads(solo.read("acme.pay/list.json", cache))["scope"] == "acme.pay"


def test_a_long_list_travels_as_parts_and_deltas(solo: Ceremony, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    solo.approve(*range(INLINE_LIMIT + 1))
    solo.signed_by("solo").run("publish")
    solo.approve(INLINE_LIMIT + 1)
    solo.signed_by("solo").run("publish")
    listing = json.loads(solo.read("acme/list.json", cache))
    assert listing["count"] == INLINE_LIMIT + 2
    assert len(listing["deltas"]) == 1
    assert "approvals" not in listing
    assert f"{INLINE_LIMIT + 2}" in solo.run("verify")
    next((solo.repository / "blobs").iterdir()).write_bytes(b"other")
    assert "other bytes" in solo.run("verify", code=1)


@pytest.mark.parametrize("die_at", range(36))
def test_killed_at_any_write_hosts_read_a_whole_list_and_the_next_publish_ends_it(
    solo: Ceremony, tmp_path: Path, die_at: int
) -> None:
    solo.approve(1)
    solo.run("scope", "add", "acme.pay")
    solo.signed_by("solo")
    cache = tmp_path / "cache"
    assert count(solo, cache) == 0
    known = {"DOCKWARDEN_KEYS": str(solo.keys), "DOCKWARDEN_PASSPHRASE": PASSPHRASE}
    done = subprocess.run(
        [sys.executable, "-c", DYING, str(die_at), str(solo.path)],
        env={**os.environ, **known},
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode in (-signal.SIGKILL, 0), done.stderr
    shutil.copytree(cache, tmp_path / "other")
    assert count(solo, tmp_path / "other") in (0, 1)
    assert count(solo, tmp_path / "fresh") in (0, 1)
    solo.run("publish")
    assert count(solo, cache) == 1
    assert "nothing new" in solo.run("publish")
    assert not list(solo.path.glob("pending/*/metadata.json"))


def test_a_mirror_cut_short_is_whole_for_hosts(solo: Ceremony, tmp_path: Path) -> None:
    www = tmp_path / "www"
    mirror(solo.repository, www)
    solo.approve(1)
    solo.signed_by("solo").run("publish", "--to", str(www))
    assert files(www) == files(solo.repository)
    assert mirror(solo.repository, www) == []


def test_without_the_timestamp_nothing_begins_again(solo: Ceremony) -> None:
    (solo.repository / "metadata" / "timestamp.json").unlink()
    solo.approve(1)
    out = solo.signed_by("solo").run("publish", code=1)
    assert "timestamp.json: it is missing" in out
    assert not (solo.repository / "metadata" / "timestamp.json").exists()


def test_without_the_online_keys_nothing_is_published(solo: Ceremony) -> None:
    solo.approve(1)
    solo.signed_by("solo")
    before = files(solo.repository)
    (solo.keys / "online-timestamp.key").unlink()
    assert "online-timestamp.key" in solo.run("publish", code=1)
    assert files(solo.repository) == before


def test_the_wrong_online_key_is_found_before_hosts_find_it(solo: Ceremony) -> None:
    path = solo.path / "registrar.toml"
    text = path.read_text().replace('keys = ["online-timestamp"]', 'keys = ["online-snapshot"]')
    path.write_text(text)
    before = files(solo.repository)
    assert "0 of 1 administrator has signed timestamp" in solo.run("timestamp", code=1)
    assert files(solo.repository) == before


def test_the_timestamp_is_renewed_and_the_alarm_is_an_exit_code(
    solo: Ceremony, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version() -> int:
        path = solo.repository / "metadata" / "timestamp.json"
        found: int = json.loads(path.read_bytes())["signed"]["version"]
        return found

    solo.run("timestamp")
    assert version() == 2
    real = registrar_clock.now
    monkeypatch.setattr(registrar_clock, "now", lambda: real() + timedelta(hours=13))
    assert "alarm" in solo.run("timestamp", "--check", code=4)
    (solo.keys / "online-timestamp.key").rename(tmp_path / "away.key")
    assert "alarm" in solo.run("timestamp", code=4)
    assert version() == 2
    (tmp_path / "away.key").rename(solo.keys / "online-timestamp.key")
    solo.run("timestamp")
    assert version() == 3


def test_the_snapshot_is_renewed_near_its_end(
    solo: Ceremony, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not (solo.repository / "metadata" / "2.snapshot.json").exists()
    real = registrar_clock.now
    monkeypatch.setattr(registrar_clock, "now", lambda: real() + timedelta(days=25))
    solo.run("timestamp")
    assert (solo.repository / "metadata" / "2.snapshot.json").exists()


def test_what_nears_its_end_waits_for_signatures(
    solo: Ceremony, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = registrar_clock.now
    monkeypatch.setattr(registrar_clock, "now", lambda: real() + timedelta(days=140))
    out = solo.run("review")
    assert "nothing but its expiry" in out
    waiting = json.loads(solo.run("status", "-o", "json"))["pending"]
    assert {one["role"] for one in waiting} == {"emergency", "acme"}


def test_administrators_sign_at_the_same_time_in_clones_of_their_own(tmp_path: Path) -> None:
    def git(folder: Path, *words: str) -> None:
        name = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
        subprocess.run(["git", *name, *words], cwd=folder, check=True, capture_output=True)

    hub = Ceremony(tmp_path / "hub")
    hub.folder.mkdir()
    hub.start(solo=False, git=True)
    for name in ("ann", "bob", "cid"):
        hub.run("key", "new", name, "--role", "administrator")
    for role in ("snapshot", "timestamp"):
        hub.run("key", "new", f"online-{role}", "--role", role)
    hub.run("scope", "add", "acme")
    hub.signed_by("cid")
    clones = []
    for name in ("ann", "bob"):
        clone = Ceremony(tmp_path / name)
        clone.folder.mkdir()
        git(tmp_path, "clone", "-q", str(hub.path), str(clone.path))
        clone.keys.mkdir()
        shutil.copy(hub.keys / f"{name}.key", clone.keys)
        clones.append(clone.signed_by(name))
    for clone in clones:
        git(hub.path, "pull", "-q", "--no-rebase", "--no-edit", str(clone.path), "HEAD")
    assert "ann, bob, cid" in hub.run("status")
    hub.run("publish")
    assert count(hub, tmp_path / "cache") == 0
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=hub.path, capture_output=True, check=True
    )
    assert status.stdout == b""
    git(clones[0].path, "pull", "-q", "--no-rebase", "--no-edit", str(hub.path), "HEAD")
    assert "nothing waits" in clones[0].run("status")


def test_a_hosts_own_helper_adopts_what_is_published(team: Ceremony, tmp_path: Path) -> None:
    def adopt() -> SyncReport:
        return sync(
            Request(
                source=f"file://{team.repository}",
                scope="acme",
                root_file=str(team.repository / "metadata" / "1.root.json"),
                directory=str(tmp_path / "state"),
                now=registrar_clock.now().timestamp(),
            )
        )

    (tmp_path / "state").mkdir()
    team.approve(1)
    team.signed_by("ann", "cid").run("publish")
    (acme,) = [scope for scope in adopt().scopes if scope.scope == "acme"]
    assert (acme.approvals, acme.signers, acme.problem) == (1, ("ann", "cid"), "")
    team.run("key", "rotate", "cid", "dan")
    team.run("key", "rotate", "online-timestamp", "online-timestamp-2")
    team.signed_by("dan", "ann", "bob").run("publish")
    answer = adopt()
    assert answer.error == ""
    (acme,) = [scope for scope in answer.scopes if scope.scope == "acme"]
    assert acme.signers == ("ann", "bob", "dan")
