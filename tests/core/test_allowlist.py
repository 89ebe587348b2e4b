"""The list in memory: what bears on an image, and when that can change."""

from core.allowlist.allowlist import Allowlist, Deny, Level, ListInfo, Statements
from tests.core.build import DAY, NOW, approval, deny, digest, image, waiver

INFO = ListInfo(1, "test", signed=False)
BASE = approval("base", chain=("l0", "l1"))


def about(*levels: Level, chain: tuple[str, ...] = ()) -> Statements:
    return Allowlist(levels, INFO).about(image(chain=chain))


def test_statements_carry_their_depth() -> None:
    found = about(
        Level("acme", (approval("other"),), (deny(),)),
        Level("acme.pay", (approval(),), (deny("other"),), (waiver("deny"),)),
    )
    assert found.scopes == ("acme", "acme.pay")
    assert found.approvals == ((1, approval()),)
    assert found.denies == ((0, deny()),)
    assert found.waivers == ((1, waiver("deny")),)
    assert len(found.constraints) == 2


def test_every_entry_on_the_same_digest_is_found_once() -> None:
    both = Deny(frozenset({digest("app"), digest("app manifest")}), "why")
    levels = Level("acme", denies=(both, deny())), Level("acme.pay", denies=(deny(revoked=True),))
    assert about(*levels).denies == ((0, both), (0, deny()), (1, deny(revoked=True)))


def test_bases_are_found_by_the_layers() -> None:
    assert about(Level("acme", (BASE,)), chain=("l0", "l1", "l2")).bases == ((0, BASE),)
    assert about(Level("acme", (BASE,)), chain=("l9",)).bases == ()
    assert about(Level("acme", (BASE,))).bases == ()


def test_denies_of_a_base_and_of_the_layers_are_found() -> None:
    level = Level("acme", (BASE,), (deny("base"), deny("l2"), deny("other")))
    found = about(level, chain=("l0", "l1", "l2"))
    assert {entry for _, entry in found.base_denies} == {deny("base"), deny("l2")}
    assert found.denies == ()


def test_the_next_expiry_is_the_first_after_now() -> None:
    trusted = Allowlist(
        (
            Level("acme", (approval(expires_at=NOW), approval(expires_at=NOW + 3 * DAY))),
            Level("acme.pay", waivers=(waiver("deny", expires_at=NOW + 2 * DAY),)),
        ),
        INFO,
    )
    assert trusted.next_expiry(NOW) == NOW + 2 * DAY
    assert trusted.next_expiry(NOW + 2 * DAY) == NOW + 3 * DAY
    assert trusted.next_expiry(NOW + 3 * DAY) is None


def test_approvals_are_reported_top_level_first_and_again() -> None:
    trusted = Allowlist((Level("a", (approval("x"),)), Level("a.b", (approval("y"),))), INFO)
    assert list(trusted.approvals()) == list(trusted.approvals()) == [approval("x"), approval("y")]
