"""`deny` and `waiver` as an administrator uses them."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agent.domain.allowlist import Deny
from agent.domain.digest import Digest
from registrar.images.denying import undenied
from registrar.images.lookup import NotFound
from registrar.registrar_clock import now
from tests.lab.built import BuiltImage
from tests.registrar.office import Office
from tests.registrar.registry_server import Stored, make_image, serving


@pytest.fixture
def stored() -> Iterator[Stored]:
    with serving() as served:
        yield served


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


@pytest.fixture
def web(stored: Stored) -> BuiltImage:
    return stored.push(make_image())


def test_a_deny_by_reference_names_all_digests_and_wins_below(
    office: Office, stored: Stored, web: BuiltImage
) -> None:
    reference = stored.reference(web)
    office.approve(reference)
    ran = office.run("deny", "add", reference, "--scope", "acme", "--reason", "CVE-1", "-y")
    assert ran.code == 0
    assert "this stops" in ran.err
    (deny,) = office.workspace.draft("acme").denies
    assert {str(one) for one in deny.digests} == web.digests | set(web.chain_ids.values())
    assert office.verdict(reference) == "denied"
    office.fine("deny", "remove", web.top_digest, "--scope", "acme", "--reason", "fixed", "-y")
    assert office.verdict(reference) == "approved"


def test_a_digest_of_nothing_known_is_denied_alone_and_that_is_told(office: Office) -> None:
    digest = Digest.of(b"evil")
    ran = office.run("deny", "add", digest, "--scope", "acme", "--reason", "miner", "-y")
    assert ran.code == 0
    assert "only this one digest" in ran.err
    assert office.workspace.draft("acme").denies[0].digests == {digest}
    assert office.verdict(str(digest), "acme.pay.web") == "denied"
    (row,) = office.json("deny", "list")
    assert (row["scope"], row["digests"], row["reason"]) == ("acme", [str(digest)], "miner")


def test_those_on_call_deny_for_a_day_at_most(office: Office) -> None:
    digest = Digest.of(b"evil")
    command = ("deny", "add", digest, "--scope", "emergency", "--reason", "now", "-y")
    assert "24h at most" in office.run(*command, "--for", "25h").err
    office.fine(*command, "--for", "12h")
    (deny,) = office.workspace.draft("emergency").denies
    assert deny.expires_at is not None
    assert deny.expires_at - now() <= timedelta(hours=12)
    assert office.verdict(str(digest), "acme.pay") == "denied"
    assert office.verdict(str(digest), "acme.pay", "--at", "13h") == "unlisted"
    wrong = office.run("deny", "add", digest, "--scope", "acme", "--reason", "x", "--for", "1h")
    assert "only the denies of emergency end" in wrong.err


def test_a_published_revocation_stays_while_its_approval_lasts(
    office: Office, stored: Stored, web: BuiltImage
) -> None:
    office.approve(stored.reference(web))
    office.fine("image", "revoke", web.top_digest, "--reason", "CVE-1", "-y")
    draft, top = office.workspace.draft("acme.pay"), Digest.parse(web.top_digest)
    with pytest.raises(NotFound, match="would run again"):
        undenied(draft, top, published=draft.denies, now=now())
    later = now() + timedelta(days=91)
    assert undenied(draft, top, published=draft.denies, now=later)[0].denies == ()
    gone: tuple[Deny, ...] = undenied(draft, top, published=(), now=now())[1]
    assert gone == draft.denies


def test_what_is_not_denied_cannot_be_taken_back(office: Office) -> None:
    ran = office.run("deny", "remove", Digest.of(b"x"), "--scope", "acme", "--reason", "x", "-y")
    assert "acme does not deny sha256:" in ran.err
    ran = office.run("deny", "remove", "nginx", "--scope", "acme", "--reason", "x", "-y")
    assert "is no digest" in ran.err


def test_a_waiver_lifts_a_deny_of_its_own_level_until_it_ends(
    office: Office, stored: Stored, web: BuiltImage
) -> None:
    reference = stored.reference(web)
    office.approve(reference)
    office.fine("deny", "add", reference, "--scope", "acme", "--reason", "CVE-1", "-y")
    words = ("--lifts", "deny", "--until", "14d", "--reason", "not reachable", "--owner", "sec")
    office.fine("waiver", "grant", reference, "--scope", "acme.pay", *words, "-y")
    assert office.verdict(reference) == "denied"
    office.fine("waiver", "grant", reference, "--scope", "acme", *words, "-y")
    office.fine("waiver", "grant", reference, "--scope", "acme", *words, "-y")
    assert office.verdict(reference) == "waived"
    assert office.verdict(reference, "acme.pay", "--at", "15d") == "denied"
    assert [row["scope"] for row in office.json("waiver", "list")] == ["acme", "acme.pay"]


@pytest.mark.parametrize(
    ("until", "word"),
    [("yesterday", "no time"), ("2020-01-01", "is past"), ("900000y", "too far away")],
)
def test_a_waiver_without_a_real_end_is_refused(office: Office, until: str, word: str) -> None:
    before = office.files()
    words = ("--lifts", "deny", "--until", until, "--reason", "r", "--owner", "o", "-y")
    ran = office.run("waiver", "grant", Digest.of(b"x"), "--scope", "acme", *words)
    assert (ran.code, office.files()) == (1, before)
    assert f"--until: {word}" in ran.err or word in ran.err


def test_a_waiver_has_a_reason_and_an_owner_in_words(office: Office) -> None:
    words = ("--lifts", "deny", "--until", "1d", "--reason", " ", "--owner", "o", "-y")
    ran = office.run("waiver", "grant", Digest.of(b"x"), "--scope", "acme", *words)
    assert ran.code == 1
    assert "waiver.reason: it is blank" in ran.err


def test_what_is_not_waived_cannot_be_withdrawn(office: Office) -> None:
    words = ("--scope", "acme", "--reason", "x", "-y")
    ran = office.run("waiver", "withdraw", Digest.of(b"x"), *words)
    assert "acme has no such waiver" in ran.err
