"""Hypothesis strategies of small worlds in which statements often meet the image."""

from datetime import timedelta

from hypothesis import strategies as st

from core.allowlist.allowlist import Approval, Constraints, Deny, Exemption, Level, Waiver
from core.image.identity import ImageIdentity
from tests.core.build import NOW, TICK, digest

POOL = tuple(digest(f"content {n}") for n in range(4))
LAYERS = tuple(digest(f"layers {n}") for n in range(4))
SCOPES = ("acme", "acme.pay", "acme.pay.web", "acme.pay.web.cart")

digests = st.frozensets(st.sampled_from(POOL), min_size=1, max_size=2)
# Denies may also name a layer chain.
denied = st.frozensets(st.sampled_from(POOL + LAYERS), min_size=1, max_size=2)
steps = st.sampled_from((-9, -3, -1, 0, 1, 3, 9))
instants = st.builds(lambda days, ticks: NOW + timedelta(days=days) + ticks * TICK, steps, steps)
repositories = st.sampled_from(
    ("registry.acme.example/a/app", "registry.acme.example/app", "docker.io/library/app", "app")
)
patterns = st.sampled_from(
    (
        "registry.acme.example/**",
        "registry.acme.example/*",
        "**/app",
        "*",
        "*a*/**p",
        "docker.io/*/*",
    )
)
words = st.frozensets(st.sampled_from(("trivy", "grype", "MIT")), max_size=2)


@st.composite
def approvals(draw: st.DrawFn) -> Approval:
    """An approval; if it has both times, the end is after the beginning."""
    start, end = draw(st.none() | instants), draw(st.none() | instants)
    if start is not None and end is not None and end <= start:
        start = end - timedelta(days=1)
    return Approval(
        repository=draw(repositories),
        digests=draw(digests),
        tags=draw(st.lists(st.sampled_from(("1", "1.25-alpine", "latest"))).map(tuple)),
        chain_ids=draw(st.frozensets(st.sampled_from(LAYERS), max_size=2)),
        approved_at=start,
        expires_at=end,
        approvers=draw(st.lists(st.sampled_from(("ann", "bob"))).map(tuple)),
        reason=draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=5)),
        scanners=draw(words),
        licences=draw(words),
    )


denies = st.builds(
    Deny,
    digests=denied,
    reason=st.sampled_from(("CVE-2026-1", "mined coins.", "two\nlines")),
    revoked=st.booleans(),
    denied_at=st.none() | instants,
)
waivers = st.builds(
    Waiver,
    digests=digests,
    lifts=st.sampled_from(("deny", "constraint")),
    reason=st.just("until the fix"),
    owner=st.just("eve"),
    expires_at=instants,
)
constraints = st.builds(
    Constraints,
    repositories=st.lists(patterns, max_size=2).map(tuple),
    required_scanners=words,
    allowed_licences=words,
    longest_lifetime=st.none() | st.sampled_from((2, 7, 30)).map(lambda n: timedelta(days=n)),
    forbid_exemptions=st.booleans(),
)
exemptions = st.lists(
    st.builds(Exemption, st.sampled_from(POOL), st.just("why"), st.just("ops"), instants),
    max_size=2,
)
images = st.builds(
    ImageIdentity,
    image_id=st.sampled_from(POOL),
    manifest=st.none() | st.sampled_from(POOL),
    chain=st.lists(st.sampled_from(LAYERS), max_size=3, unique=True).map(tuple),
)


@st.composite
def chains(draw: st.DrawFn) -> tuple[Level, ...]:
    """The levels of a host's chain, top first."""
    depth = draw(st.integers(1, 4))
    return tuple(
        Level(
            scope=scope,
            approvals=tuple(draw(st.lists(approvals(), max_size=3))),
            denies=tuple(draw(st.lists(denies, max_size=1))),
            waivers=tuple(draw(st.lists(waivers, max_size=2))),
            constraints=draw(st.just(Constraints()) | constraints),
        )
        for scope in SCOPES[:depth]
    )
