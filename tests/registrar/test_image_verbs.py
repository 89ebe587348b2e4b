"""`image` and `simulate` as an administrator uses them, on a small registry."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from core.image.digest import Digest
from registrar.registrar_clock import now
from tests.lab.built import BuiltImage
from tests.registrar.admin_folder import AdminFolder
from tests.registrar.registry_server import Stored, make_image, serving


@pytest.fixture
def stored() -> Iterator[Stored]:
    with serving() as served:
        yield served


@pytest.fixture
def admin(tmp_path: Path) -> AdminFolder:
    return AdminFolder(tmp_path)


@pytest.fixture
def web(stored: Stored) -> BuiltImage:
    return stored.push(make_image())


def digests(admin: AdminFolder, scope: str = "acme.pay") -> set[str]:
    found: set[str] = set()
    for one in admin.workspace.draft(scope).approvals.values():
        found |= {str(digest) for digest in one.plain.digests | one.plain.chain_ids}
    return found


def test_an_approval_holds_every_digest_and_who_asked(
    admin: AdminFolder, stored: Stored, web: BuiltImage
) -> None:
    out = admin.approve(stored.reference(web))
    assert digests(admin) == web.digests | set(web.chain_ids.values())
    assert all(text in out for text in digests(admin))
    (one,) = admin.workspace.draft("acme.pay").approvals.values()
    assert (one.requester, one.approvers, one.reason) == ("dev", ("ann",), "release")
    assert one.expires_at - one.approved_at == timedelta(days=90)
    assert one.tags == ("1",)
    for text in (stored.reference(web), web.index_digest or "", *web.config_digests.values()):
        assert admin.verdict(text) == "approved"
        assert admin.verdict(text, "acme.pay.web") == "approved"
        assert admin.verdict(text, "acme") == "unlisted"


def test_who_asks_does_not_approve(admin: AdminFolder, stored: Stored, web: BuiltImage) -> None:
    before = admin.files()
    words = ("--scope", "acme", "--reason", "x", "--approver", "ann", "-y")
    command = ("image", "approve", stored.reference(web), *words, "--requester")
    ran = admin.run(*command, " Ann")
    assert (ran.code, admin.files()) == (1, before)
    assert "ann asked for the image and cannot approve it in acme" in ran.err
    assert "policy set --scope acme --one-person" in ran.err
    admin.fine("policy", "set", "--scope", "acme", "--one-person", "--reason", "small", "-y")
    admin.fine(*command, "ann")
    assert admin.verdict(stored.reference(web), "acme") == "approved"


def test_who_asks_need_be_named_only_where_another_approves(
    admin: AdminFolder, stored: Stored, web: BuiltImage
) -> None:
    words = ("--scope", "acme", "--reason", "x", "--approver", "ann", "-y")
    ran = admin.run("image", "approve", stored.reference(web), *words)
    assert (ran.code, "--requester" in ran.err) == (2, True)
    admin.fine("policy", "set", "--scope", "acme", "--one-person", "--reason", "small", "-y")
    admin.fine("image", "approve", stored.reference(web), *words)
    (one,) = admin.workspace.draft("acme").approvals.values()
    assert one.requester == "ann"


@pytest.mark.parametrize(
    ("approver", "word"), [("eve", "'eve' does not sign for acme"), (None, "missing")]
)
def test_only_who_signs_for_a_scope_approves_there(
    admin: AdminFolder, stored: Stored, web: BuiltImage, approver: str | None, word: str
) -> None:
    named = ("--approver", approver) if approver else ()
    words = ("--scope", "acme", "--reason", "x", "--requester", "dev", "-y", *named)
    ran = admin.run("image", "approve", stored.reference(web), *words)
    assert ran.code == 1
    assert word in ran.err
    assert "ann, bob" in ran.err


def test_a_breach_is_shown_with_its_fix_and_changes_nothing(
    admin: AdminFolder, stored: Stored, web: BuiltImage
) -> None:
    demands = ("--repository", "registry.acme.example/**", "--scanner", "trivy")
    admin.fine("policy", "set", "--scope", "acme", *demands, "--reason", "rules", "-y")
    before = admin.files()
    words = ("--requester", "dev", "--approver", "ann", "--reason", "x", "-y")
    ran = admin.run("image", "approve", stored.reference(web), "--scope", "acme.pay", *words)
    assert (ran.code, admin.files()) == (1, before)
    assert "REFUSED    acme:" in ran.out
    assert "fits none of the permitted repositories registry.acme.example/**" in ran.out
    assert "fix        copy the image to one of registry.acme.example/**" in ran.out
    assert "no verdict of the required trivy is recorded" in ran.out


def test_the_longest_lifetime_is_kept_by_default_and_reported_when_exceeded(
    admin: AdminFolder, stored: Stored, web: BuiltImage
) -> None:
    admin.fine(
        "policy", "set", "--scope", "acme", "--longest-lifetime", "30d", "--reason", "x", "-y"
    )
    admin.approve(stored.reference(web))
    (one,) = admin.workspace.draft("acme.pay").approvals.values()
    assert one.expires_at - one.approved_at == timedelta(days=30)
    words = ("--requester", "dev", "--approver", "ann", "--reason", "x", "-y", "--expires", "31d")
    ran = admin.run("image", "approve", stored.reference(web), "--scope", "acme.pay", *words)
    assert ran.code == 1
    assert "fix        --expires 30d" in ran.out


def test_a_waiver_for_the_constraint_lets_the_approval_through(
    admin: AdminFolder, stored: Stored, web: BuiltImage
) -> None:
    reference = stored.reference(web)
    admin.fine("policy", "set", "--scope", "acme", "--scanner", "trivy", "--reason", "x", "-y")
    words = ("--until", "14d", "--reason", "no database", "--owner", "sec", "-y")
    admin.fine("waiver", "grant", reference, "--scope", "acme", "--lifts", "constraint", *words)
    admin.approve(reference)
    assert admin.verdict(reference) == "waived"
    assert admin.verdict(reference, "acme.pay", "--at", "15d") == "unlisted"
    admin.fine("waiver", "withdraw", reference, "--scope", "acme", "--reason", "x", "-y")
    assert admin.verdict(reference) == "unlisted"


def test_one_failure_among_many_changes_nothing_unless_asked_to(
    admin: AdminFolder, stored: Stored, web: BuiltImage
) -> None:
    before = admin.files()
    both = (stored.reference(web), f"{stored.address}/team/none:1")
    words = ("--requester", "dev", "--approver", "ann", "--reason", "x", "-y")
    command = ("image", "approve", *both, "--scope", "acme", *words)
    ran = admin.run(*command)
    assert (ran.code, admin.files()) == (1, before)
    assert "team/none:1" in ran.err
    admin.fine(*command, "--skip-failed")
    assert digests(admin, "acme") >= web.digests


def test_nothing_is_written_in_a_dry_run_or_without_a_yes(
    admin: AdminFolder, stored: Stored, web: BuiltImage
) -> None:
    before = admin.files()
    words = ("--scope", "acme", "--requester", "dev", "--approver", "ann", "--reason", "x")
    assert admin.run("image", "approve", stored.reference(web), *words, "--dry-run").code == 0
    assert admin.run("image", "approve", stored.reference(web), *words, given="n\n").code == 1
    assert admin.files() == before


def test_a_revocation_denies_all_digests_and_the_approval_stays(
    admin: AdminFolder, stored: Stored, web: BuiltImage
) -> None:
    admin.approve(stored.reference(web))
    held = digests(admin)
    admin.fine("image", "revoke", stored.reference(web), "--reason", "CVE-1", "--by", "bob", "-y")
    draft = admin.workspace.draft("acme.pay")
    (deny,) = draft.denies
    assert {str(digest) for digest in deny.digests} == held
    assert (deny.revoked, deny.reason, deny.by) == (True, "CVE-1", "bob")
    assert digests(admin) == held
    assert admin.verdict(stored.reference(web)) == "revoked"
    assert admin.json("image", "list")[0]["verdict"] == "revoked"
    again = admin.run("image", "revoke", web.top_digest, "--reason", "CVE-1", "-y")
    assert again.code == 1
    assert "has revoked it already" in again.err


def test_an_upper_level_revokes_what_a_lower_approved(
    admin: AdminFolder, stored: Stored, web: BuiltImage
) -> None:
    admin.approve(stored.reference(web), scope="acme.pay.web")
    beginning = Digest.parse(web.top_digest).short
    admin.fine("image", "revoke", beginning, "--scope", "acme", "--reason", "x", "-y")
    assert admin.workspace.draft("acme.pay.web").denies == ()
    assert admin.verdict(stored.reference(web), "acme.pay.web") == "revoked"


def test_a_revoked_image_is_not_approved_again_without_a_word(
    admin: AdminFolder, stored: Stored, web: BuiltImage
) -> None:
    admin.approve(stored.reference(web))
    admin.fine("image", "revoke", web.top_digest, "--reason", "CVE-1", "-y")
    words = (
        "--requester",
        "dev",
        "--approver",
        "ann",
        "--reason",
        "x",
        "-y",
        "--scope",
        "acme.pay",
    )
    for command in (("approve", stored.reference(web)), ("renew", web.top_digest)):
        ran = admin.run("image", *command, *words)
        assert ran.code == 1
        assert "acme.pay revoked it: CVE-1" in ran.out + ran.err


def test_a_renewal_lasts_from_now_and_needs_no_registry(
    admin: AdminFolder, stored: Stored, web: BuiltImage
) -> None:
    admin.approve(stored.reference(web), "--expires", "2d", "--scanner", "trivy")
    asked = len(stored.requests)
    assert "Nothing is approved" not in admin.fine("image", "list", "--expiring", "3d")
    words = ("--expires", "60d", "--approver", "bob", "--reason", "still clean", "-y")
    admin.fine("image", "renew", web.top_digest, "--scope", "acme.pay", *words)
    (one,) = admin.workspace.draft("acme.pay").approvals.values()
    assert timedelta(days=59) < one.expires_at - now() <= timedelta(days=60)
    assert (one.approvers, one.requester) == (("bob",), "dev")
    assert one.scanners == {"trivy"}
    assert len(stored.requests) == asked
    assert admin.json("image", "list", "--expiring", "3d") == []


def test_show_and_list_show_the_verdict_and_all_digests(
    admin: AdminFolder, stored: Stored, web: BuiltImage
) -> None:
    admin.approve(stored.reference(web), "--licence", "MIT")
    shown = admin.fine("image", "show", stored.reference(web))
    assert all(text in shown for text in digests(admin))
    assert "licences   MIT" in shown
    assert "verdict    approved: acme.pay approves this image as" in shown
    (row,) = admin.json("image", "list", "--scope", "acme")
    assert (row["scope"], row["id"]) == ("acme.pay", web.top_digest)
    ran = admin.run("image", "show", "nginx:9")
    assert ran.code == 1
    assert "image list" in ran.err


def test_two_approvals_of_one_name_are_distinguished(admin: AdminFolder, stored: Stored) -> None:
    first = stored.push(make_image())
    admin.approve(stored.reference(first))
    stored.push(make_image(tag="new"), tag="1")
    admin.approve(stored.reference(first))
    ran = admin.run("image", "revoke", stored.reference(first), "--reason", "x", "-y")
    assert ran.code == 1
    assert "means 2 approvals" in ran.err
    assert first.top_digest in ran.err


def test_simulate_names_level_rule_and_approvers(
    admin: AdminFolder, stored: Stored, web: BuiltImage
) -> None:
    admin.approve(stored.reference(web))
    out = admin.fine("simulate", stored.reference(web), "--scope", "acme.pay.web")
    assert "verdict   approved  (linux/amd64 classic, linux/amd64 containerd" in out
    assert "level     acme.pay" in out
    assert "rule      an approval that has not ended" in out
    assert "approved  by ann" in out
    assert "signed" not in out  # a draft bears nobody's signature
    assert admin.verdict(stored.reference(web), "acme.pay", "--at", "91d") == "expired"
    assert admin.run("simulate", web.top_digest, "--scope", "acme.nobody").code == 1


def test_simulate_evaluates_the_platform_that_was_asked_for(
    admin: AdminFolder, stored: Stored, web: BuiltImage
) -> None:
    words = ("simulate", stored.reference(web), "--scope", "acme", "--platform")
    ran = admin.run(*words, "linux/arm64", "--output", "json")
    answers = json.loads(ran.out)
    assert {one["platform"] for one in answers} == {"linux/arm64"}
    assert {one["store"]: one["image_id"] for one in answers} == {
        "classic": web.config_digests["linux/arm64"],
        "containerd": web.top_digest,
    }
    wrong = admin.run(*words, "plan9/mips")
    assert "it has linux/amd64, linux/arm64" in wrong.err
