"""The index is what the lists say, whichever way it came about."""

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.adapters.signed_list import SignedList
from agent.errors import AllowlistRejected
from agent.helpers.sync.list_index.index import ScopeInput, compile_index
from core.allowlist.allowlist import Approval, Constraints, Deny, Waiver
from core.base_errors import InvalidAllowlist
from core.image.identity import ImageIdentity
from core.list_format.payload import ScopeDenies, ScopeList, SignedApproval
from core.list_format.payload_next import next_list
from tests.core.build import DAY, NOW, deny, digest, image, waiver
from tests.core.payloads import MemoryBlobs, listing, signed

MANY = tuple(signed(f"n{n}") for n in range(40))


class Chain:
    """One scope's lists as they are published, and a host that follows them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.blobs = MemoryBlobs()
        self.listing: ScopeList | None = None
        self.approvals: tuple[SignedApproval, ...] = ()
        self.generation = 0

    def publish(self, approvals: Sequence[SignedApproval], **more: object) -> ScopeList:
        draft = replace(listing("acme", approvals), **more)  # type: ignore[arg-type] # by tests only
        before, self.approvals = self.approvals, tuple(approvals)
        self.listing = next_list(draft, self.listing, before, self.blobs, inline_bytes=0)
        return self.listing

    @property
    def index(self) -> Path:
        return self.folder / str(self.generation) / "index.sqlite"

    def follow(self, *others: ScopeInput, denies: tuple[Deny, ...] = ()) -> SignedList:
        assert self.listing is not None
        previous = self.index
        target = self.folder / str(self.generation + 1) / "index.sqlite"
        target.parent.mkdir(exist_ok=True)
        self.blobs.fetched.clear()
        said = ScopeDenies("acme", 1, denies)
        given = ScopeInput(0, said, self.listing, self.blobs.fetch)
        compile_index(previous, target, (given, *others))
        self.generation += 1
        return SignedList(target.parent)


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    return Chain(tmp_path)


def held(trusted: SignedList) -> set[Approval]:
    return set(trusted.approvals())


def plain(approvals: Sequence[SignedApproval]) -> set[Approval]:
    return {approval.plain for approval in approvals}


def test_a_list_is_loaded_from_its_base(chain: Chain) -> None:
    chain.publish(MANY)
    trusted = chain.follow()
    assert held(trusted) == plain(MANY)
    assert trusted.about(image("n7")).approvals == ((0, MANY[7].plain),)
    assert trusted.about(ImageIdentity(MANY[7].id)).approvals


def test_an_update_fetches_its_delta_only(chain: Chain) -> None:
    chain.publish(MANY)
    chain.follow()
    changed = signed("n3", expires_at=NOW + 99 * DAY)
    found = chain.publish([*MANY[:3], changed, *MANY[5:], signed("new")])
    trusted = chain.follow()
    assert chain.blobs.fetched == [found.deltas[-1].sha256]
    assert held(trusted) == plain(chain.approvals)
    assert trusted.about(image("n3")).approvals == ((0, changed.plain),)
    assert not trusted.about(image("n4")).approvals
    assert trusted.about(image("new")).approvals


def test_nothing_is_fetched_where_only_the_rest_changed(chain: Chain) -> None:
    chain.publish(MANY)
    chain.follow()
    late = waiver("deny", "n1", expires_at=NOW + 5 * DAY)
    chain.publish(MANY, waivers=(late,), constraints=Constraints(("x/**",)))
    trusted = chain.follow(denies=(deny("n1"),))
    assert not chain.blobs.fetched
    told = trusted.about(image("n1"))
    assert (told.waivers, told.denies) == (((0, late),), ((0, deny("n1")),))
    assert told.constraints == (Constraints(("x/**",)),)
    assert not chain.follow().about(image("n1")).denies


def test_deltas_that_lead_elsewhere_give_way_to_the_base(chain: Chain) -> None:
    chain.publish(MANY)
    chain.follow()
    found = chain.publish([*MANY, signed("new")])
    chain.listing = replace(found, state=f"{int(found.state, 16) ^ 1:064x}")
    with pytest.raises(InvalidAllowlist, match=r"acme/list.json: \$.state"):
        chain.follow()
    assert not (chain.folder / "2" / "index.sqlite").exists()
    other = chain.publish(MANY[:30])
    base = next_list(listing("acme", MANY[:30]), None, (), chain.blobs, inline_bytes=0).base
    assert base
    lying = zlib.compress(b'{"drop":"%b"}' % str(MANY[0].id).encode())
    chain.blobs.put(sha := hashlib.sha256(lying).hexdigest(), lying)
    wrong = replace(other.deltas[-1], sha256=sha, length=len(lying))
    chain.listing = replace(other, base=replace(base, sequence=3), deltas=(wrong,), since=1)
    assert held(chain.follow()) == plain(MANY[:30])


@pytest.mark.parametrize("at", ["base", "part"])
def test_blobs_with_other_bytes_are_refused(chain: Chain, at: str) -> None:
    chain.publish(MANY)
    assert chain.listing
    assert chain.listing.base
    sha256 = chain.listing.base.sha256
    chosen = sha256 if at == "base" else next(k for k in chain.blobs.kept if k != sha256)
    chain.blobs.kept[chosen] = chain.blobs.kept[chosen][:-1] + b"\0"
    with pytest.raises(InvalidAllowlist, match="other bytes"):
        chain.follow()
    assert not list(chain.folder.glob("1/*"))


@pytest.mark.parametrize("content", [b"", b"no database at all" * 900, None])
def test_a_damaged_previous_index_only_costs_time(chain: Chain, content: bytes | None) -> None:
    chain.publish(MANY)
    chain.follow()
    whole = chain.index.read_bytes()
    torn = whole[:8192] + b"\xff" * (len(whole) - 8192)
    chain.index.write_bytes(torn if content is None else content)
    chain.publish(MANY[:-1])
    assert held(chain.follow()) == plain(MANY[:-1])


def test_a_target_that_cannot_be_written_is_named(chain: Chain) -> None:
    given = ScopeInput(0, None, listing("acme", MANY), chain.blobs.fetch)
    target = chain.folder / "missing" / "index.sqlite"
    with pytest.raises(AllowlistRejected, match=r"missing/index\.sqlite") as caught:
        compile_index(None, target, (given,))
    assert caught.value.hint


def test_the_emergency_role_denies_with_the_organizations_rank(chain: Chain) -> None:
    chain.publish(MANY)
    end = NOW + timedelta(hours=2)
    urgent = Deny(frozenset({digest("n1")}), "exploited", expires_at=end, scope="emergency")
    emergency = ScopeInput(0, ScopeDenies("emergency", 4, (urgent,)), None, chain.blobs.fetch)
    below = ScopeInput(1, None, listing("acme.pay", (signed("p"),)), chain.blobs.fetch)
    trusted = chain.follow(emergency, below)
    told = trusted.about(image("n1"))
    assert (told.scopes, told.denies) == (("acme", "acme.pay"), ((0, urgent),))
    assert trusted.about(image("p")).approvals == ((1, signed("p").plain),)
    info = trusted.info
    assert (info.scope, info.approvals, info.denies) == ("acme.pay", len(MANY) + 1, 1)
    gone = chain.follow()
    assert not gone.about(image("n1")).denies
    assert not gone.about(image("p")).approvals
    assert gone.info.scope == "acme"


def test_a_level_of_which_nothing_is_known_stands_empty_in_the_chain(chain: Chain) -> None:
    chain.publish(MANY)
    unknown = ScopeInput(1, None, None, chain.blobs.fetch, "acme.pay")
    assert chain.follow(unknown).about(image("n1")).scopes == ("acme", "acme.pay")


def test_an_index_leaves_no_other_file_beside_it(chain: Chain) -> None:
    chain.publish(MANY)
    chain.follow().approvals()
    assert [path.name for path in chain.index.parent.iterdir()] == ["index.sqlite"]


def test_an_open_list_outlives_its_file(chain: Chain) -> None:
    chain.publish(MANY)
    trusted = chain.follow()
    chain.index.unlink()
    assert trusted.about(image("n1")).approvals
    trusted.close()


@pytest.mark.parametrize("content", [b"", b"x" * 5000, None])
def test_a_file_that_is_no_index_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "index.sqlite").write_bytes(content)
    with pytest.raises(AllowlistRejected, match=r"index\.sqlite") as caught:
        SignedList(tmp_path)
    assert caught.value.hint


POOL = tuple(signed(f"p{n}") for n in range(12))
steps = st.lists(
    st.tuples(
        st.sets(st.sampled_from(range(12))),
        st.sampled_from((NOW + DAY, NOW + 2 * DAY)),
        st.booleans(),
        st.sampled_from(((), (Waiver(frozenset({digest("p1")}), "deny", "why", "eve", NOW),))),
    ),
    min_size=1,
    max_size=12,
)


@settings(
    max_examples=40,
    # each run has its own folder
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps)
def test_a_host_that_follows_now_and_then_has_what_was_published(
    tmp_path_factory: pytest.TempPathFactory,
    taken: list[tuple[set[int], object, bool, tuple[Waiver, ...]]],
) -> None:
    chain = Chain(tmp_path_factory.mktemp("chain"))
    for chosen, end, follows, waivers in taken:
        approvals = [replace(POOL[n], expires_at=end) for n in sorted(chosen)]  # type: ignore[arg-type] # drawn as instants
        chain.publish(approvals, waivers=waivers)
        if follows:
            assert held(chain.follow()) == plain(approvals)
    trusted = chain.follow()
    assert held(trusted) == plain(chain.approvals)
    for n, one in enumerate(POOL):
        listed = {a.id for a in chain.approvals}
        assert bool(trusted.about(image(f"p{n}")).approvals) is (one.id in listed)
