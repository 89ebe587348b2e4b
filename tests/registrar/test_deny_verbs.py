"""`deny` and `waiver` as an administrator uses them."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from core.allowlist.allowlist import Deny
from core.image.digest import Digest
from registrar.images.denying import undenied
from registrar.images.lookup import NotFound
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


def test_a_deny_by_reference_names_all_digests_and_wins_below(
    admin: AdminFolder, stored: Stored, web: BuiltImage
) -> None:
    reference = stored.reference(web)
    admin.approve(reference)
    ran = admin.run("deny", "add", reference, "--scope", "acme", "--reason", "CVE-1", "-y")
    assert ran.code == 0
    assert "this stops" in ran.err
    (deny,) = admin.workspace.draft("acme").denies
    assert {str(one) for one in deny.digests} == web.digests | set(web.chain_ids.values())
    assert admin.verdict(reference) == "denied"
    admin.fine("deny", "remove", web.top_digest, "--scope", "acme", "--reason", "fixed", "-y")
    assert admin.verdict(reference) == "approved"


def test_a_digest_of_nothing_known_is_denied_alone_and_that_is_reported(admin: AdminFolder) -> None:
    digest = Digest.of(b"evil")
    ran = admin.run("deny", "add", digest, "--scope", "acme", "--reason", "miner", "-y")
    assert ran.code == 0
    assert "only this one digest" in ran.err
    assert admin.workspace.draft("acme").denies[0].digests == {digest}
    assert admin.verdict(str(digest), "acme.pay.web") == "denied"
    (row,) = admin.json("deny", "list")
    assert (row["scope"], row["digests"], row["reason"]) == ("acme", [str(digest)], "miner")


def test_those_on_call_deny_for_a_day_at_most(admin: AdminFolder) -> None:
    digest = Digest.of(b"evil")
    command = ("deny", "add", digest, "--scope", "emergency", "--reason", "now", "-y")
    assert "24h at most" in admin.run(*command, "--for", "25h").err
    admin.fine(*command, "--for", "12h")
    (deny,) = admin.workspace.draft("emergency").denies
    assert deny.expires_at is not None
    assert deny.expires_at - now() <= timedelta(hours=12)
    assert admin.verdict(str(digest), "acme.pay") == "denied"
    assert admin.verdict(str(digest), "acme.pay", "--at", "13h") == "unlisted"
    wrong = admin.run("deny", "add", digest, "--scope", "acme", "--reason", "x", "--for", "1h")
    assert "only the denies of emergency end" in wrong.err


def test_a_published_revocation_stays_while_its_approval_lasts(
    admin: AdminFolder, stored: Stored, web: BuiltImage
) -> None:
    admin.approve(stored.reference(web))
    admin.fine("image", "revoke", web.top_digest, "--reason", "CVE-1", "-y")
    draft, top = admin.workspace.draft("acme.pay"), Digest.parse(web.top_digest)
    with pytest.raises(NotFound, match="would run again"):
        undenied(draft, top, published=draft.denies, now=now())
    later = now() + timedelta(days=91)
    assert undenied(draft, top, published=draft.denies, now=later)[0].denies == ()
    gone: tuple[Deny, ...] = undenied(draft, top, published=(), now=now())[1]
    assert gone == draft.denies


def test_what_is_not_denied_cannot_be_taken_back(admin: AdminFolder) -> None:
    ran = admin.run("deny", "remove", Digest.of(b"x"), "--scope", "acme", "--reason", "x", "-y")
    assert "acme does not deny sha256:" in ran.err
    ran = admin.run("deny", "remove", "nginx", "--scope", "acme", "--reason", "x", "-y")
    assert "is not a digest" in ran.err


def test_a_waiver_lifts_a_deny_of_its_own_level_until_it_ends(
    admin: AdminFolder, stored: Stored, web: BuiltImage
) -> None:
    reference = stored.reference(web)
    admin.approve(reference)
    admin.fine("deny", "add", reference, "--scope", "acme", "--reason", "CVE-1", "-y")
    words = ("--lifts", "deny", "--until", "14d", "--reason", "not reachable", "--owner", "sec")
    admin.fine("waiver", "grant", reference, "--scope", "acme.pay", *words, "-y")
    assert admin.verdict(reference) == "denied"
    admin.fine("waiver", "grant", reference, "--scope", "acme", *words, "-y")
    admin.fine("waiver", "grant", reference, "--scope", "acme", *words, "-y")
    assert admin.verdict(reference) == "waived"
    assert admin.verdict(reference, "acme.pay", "--at", "15d") == "denied"
    assert [row["scope"] for row in admin.json("waiver", "list")] == ["acme", "acme.pay"]


@pytest.mark.parametrize(
    ("until", "word"),
    [("yesterday", "not a time"), ("2020-01-01", "is past"), ("900000y", "too far away")],
)
def test_a_waiver_without_a_real_end_is_refused(admin: AdminFolder, until: str, word: str) -> None:
    before = admin.files()
    words = ("--lifts", "deny", "--until", until, "--reason", "r", "--owner", "o", "-y")
    ran = admin.run("waiver", "grant", Digest.of(b"x"), "--scope", "acme", *words)
    assert (ran.code, admin.files()) == (1, before)
    assert f"--until: {word}" in ran.err or word in ran.err


def test_a_waiver_has_a_reason_and_an_owner_in_words(admin: AdminFolder) -> None:
    words = ("--lifts", "deny", "--until", "1d", "--reason", " ", "--owner", "o", "-y")
    ran = admin.run("waiver", "grant", Digest.of(b"x"), "--scope", "acme", *words)
    assert ran.code == 1
    assert "waiver.reason: it is blank" in ran.err


def test_what_is_not_waived_cannot_be_withdrawn(admin: AdminFolder) -> None:
    words = ("--scope", "acme", "--reason", "x", "-y")
    ran = admin.run("waiver", "withdraw", Digest.of(b"x"), *words)
    assert "acme has no such waiver" in ran.err
