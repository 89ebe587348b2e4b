"""Findings for tests: one plain, and any that Hypothesis can think of."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from core.decision.decision import Decision
from core.decision.verdict import Action, EnforcementPoint, Mode, Verdict
from core.findings.finding import Finding, Kind, Outcome, Severity
from core.ids import new_id
from core.image.digest import Digest
from core.image.identity import Container, ContainerState, ImageIdentity

AT = datetime(2026, 11, 23, 12, 3, 4, 567890, tzinfo=UTC)


def a_finding(number: int = 1, *, occurrence: int = 1) -> Finding:
    """The refusal of a container; `number` sets its id and the second at which it happened."""
    at = AT + timedelta(seconds=number)
    return Finding(
        id=new_id(at, number.to_bytes(8, "big")),
        at=at,
        kind=Kind.VIOLATION,
        severity=Severity.WARNING,
        event="container.refused",
        summary=f"Container web-{number} was killed: its image is not on the allowlist.",
        host="db-7",
        mode=Mode.ENFORCE,
        container=Container(
            id=f"{number:064x}",
            name=f"web-{number}",
            image=ImageIdentity(Digest.of(b"image"), Digest.of(b"manifest"), (Digest.of(b"l"),)),
            state=ContainerState.CREATED,
            claimed_reference="registry.acme.example/shop/web:1.4",
            command="/bin/web --port 80",
            labels={"com.acme.team": "shop"},
            created_at=AT,
        ),
        decision=Decision(Verdict.UNLISTED, "No level lists this image.", scope="acme"),
        outcome=Outcome(Action.KILL, EnforcementPoint.GATE, ran_ms=0.0, took_ms=3.25),
        violation_id=new_id(AT, bytes(8)),
        occurrence=occurrence,
        next_step="Ask platform@acme.example for an approval.",
        list_sequence=41,
    )


def with_name(finding: Finding, name: str) -> Finding:
    """The same finding about a container of another name, which is in its summary too."""
    assert finding.container is not None
    container = replace(finding.container, name=name, labels={name: name}, command=name)
    return replace(finding, container=container, summary=f"Container {name} was killed.")


# Everything JSON and terminals stumble over, lone surrogates among it.
any_text = st.text(st.characters(codec=None, categories=None), max_size=40) | st.sampled_from(
    ["\ud800", "a\nPRIORITY=0\nb", "\x1b[2J", "\u202e", "\x00", "\u2028", "\x9b", "\x7f", '"\\=']
)
moments = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - Hypothesis adds the zone
    timezones=st.just(UTC),
)
digests = st.binary(max_size=4).map(Digest.of)
numbers = st.none() | st.floats()
containers = st.builds(
    Container,
    id=any_text,
    name=any_text,
    image=st.none()
    | st.builds(ImageIdentity, digests, st.none() | digests, st.tuples() | st.tuples(digests)),
    state=st.sampled_from(ContainerState),
    claimed_reference=any_text,
    command=any_text,
    labels=st.dictionaries(any_text, any_text, max_size=80),
    created_at=st.none() | moments,
)
decisions = st.builds(
    Decision,
    verdict=st.sampled_from(Verdict),
    reason=any_text,
    scope=any_text,
    matched=st.none() | digests,
    repository=any_text,
    until=st.none() | moments,
)
outcomes = st.builds(
    Outcome,
    action=st.sampled_from(Action),
    enforcement_point=st.sampled_from(EnforcementPoint),
    ran_ms=numbers,
    took_ms=numbers,
    error=any_text,
    breaker_open=st.booleans(),
)
findings = st.builds(
    Finding,
    id=st.uuids(version=4).map(str),
    at=moments,
    kind=st.sampled_from(Kind),
    severity=st.sampled_from(Severity),
    event=any_text,
    summary=any_text,
    host=any_text,
    mode=st.sampled_from(Mode),
    container=st.none() | containers,
    decision=st.none() | decisions,
    outcome=st.none() | outcomes,
    violation_id=any_text,
    occurrence=st.integers(1, 1000),
    next_step=any_text,
    evidence=any_text,
    list_sequence=st.none() | st.integers(0, 1 << 53),
    details=st.dictionaries(any_text, any_text, max_size=3),
)
