"""Findings on their way to the spool: which are urgent, which are a flood; and who keeps them all.

Acts through ports only; knows neither the spool's file nor the collector.
"""

import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.errors import SinkFailed
from agent.log import get_logger
from agent.ports import Clock, FindingSink
from agent.ports.spool_port import FINDING, Entry, Spool
from core.findings.finding import Finding, Kind
from core.findings.finding_record import as_record, timestamp
from core.text import shortened

log = get_logger(__name__)

MOST_BYTES = 60 << 10  # of one record's data; the collector takes 64 KiB
CUT = 200  # characters of each text in a record that is too large
SINGLE = 10  # so many of one group within the window are records of their own
WINDOW_SECONDS = 60.0
MOST_GROUPS = 10_000  # remembered; one that is forgotten begins again


@dataclass(slots=True)
class _Window:
    began: float
    seen: int = 0


class Floods:
    """Says which occurrences are only counted. The first of a group never is, so no distinct
    image is hidden."""

    def __init__(self) -> None:
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    def counts(self, group: str, *, now: float) -> bool:
        """Whether this occurrence is one too many within its window; `now` is monotonic."""
        window = self._windows.get(group)
        if window is None or now - window.began >= WINDOW_SECONDS:
            window = self._windows[group] = _Window(now)
        window.seen += 1
        self._windows.move_to_end(group)
        while len(self._windows) > MOST_GROUPS:
            self._windows.popitem(last=False)
        return window.seen > SINGLE


class SpooledFindings:
    """`ports.FindingSink` on the spool; `written` is called when something waits to be sent."""

    def __init__(self, spool: Spool, clock: Clock, written: Callable[[], None]) -> None:
        self._spool, self._clock, self._written = spool, clock, written
        self._floods = Floods()

    def record(self, findings: Sequence[Finding]) -> None:
        """Keep these, in order; durable on return. Raises `SinkFailed`."""
        now = self._clock.monotonic()
        self._spool.keep([self._entry(finding, now) for finding in findings])
        self._written()

    def _entry(self, finding: Finding, now: float) -> Entry:
        group = group_of(finding)
        return Entry(
            id=finding.id,
            type=FINDING,
            time=timestamp(finding.at),
            data=_data(finding),
            urgent=finding.kind is not Kind.NOTICE,
            group=group,
            counted=bool(group) and self._floods.counts(group, now=now),
        )


def _data(finding: Finding) -> bytes:
    """At most 64 KiB, else the collector would refuse it; the user who starts a container chooses
    the size of its labels and names. The whole is in the host's own file."""
    record = as_record(finding)
    data = _json(record)
    if len(data) > MOST_BYTES and record["container"]:
        container = record["container"]
        container["labels_left_out"] += len(container["labels"])
        container["labels"] = {}
        data = _json(record)
    return data if len(data) <= MOST_BYTES else _json(_cut(record))


def _json(record: Mapping[str, Any]) -> bytes:
    text = json.dumps(record, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def _cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {shortened(key, CUT): _cut(inner) for key, inner in list(value.items())[:32]}
    return shortened(value, CUT) if isinstance(value, str) else value


def group_of(finding: Finding) -> str:
    """What may be counted together: image, verdict, and what was done about it; "" for what
    concerns no container. Where the image is unknown, the reference that was claimed."""
    container, decision, outcome = finding.container, finding.decision, finding.outcome
    if finding.kind is not Kind.VIOLATION or container is None or decision is None:
        return ""
    image = container.image.image_id if container.image else container.claimed_reference
    failed = "failed" if outcome and outcome.error else ""
    return f"{image} {decision.verdict} {finding.event} {failed}"


class AllSinks:
    """`ports.FindingSink` on several: each gets every finding once, also while another fails.

    `record` fails while one of `mandatory` does; those that have kept a finding are not given it
    again. `others` are tried once.
    """

    def __init__(self, mandatory: Iterable[FindingSink], others: Iterable[FindingSink]) -> None:
        self._mandatory, self._others = tuple(mandatory), tuple(others)
        self._kept: list[set[str]] = [set() for _ in self._mandatory]
        self._told: set[str] = set()

    def record(self, findings: Sequence[Finding]) -> None:
        """Keep these, in order, everywhere. Raises `SinkFailed`; give the same again then."""
        failed: SinkFailed | None = None
        for sink, kept in zip(self._mandatory, self._kept, strict=True):
            new = [finding for finding in findings if finding.id not in kept]
            try:
                if new:
                    sink.record(new)
            except SinkFailed as error:
                failed = failed or error
            else:
                kept.update(finding.id for finding in new)
        self._tell([finding for finding in findings if finding.id not in self._told])
        given = {finding.id for finding in findings}
        if failed is None:
            for kept in (*self._kept, self._told):
                kept.clear()
            return
        for kept in (*self._kept, self._told):
            kept.intersection_update(given)  # what is not given again was shed
        raise failed

    def _tell(self, findings: Sequence[Finding]) -> None:
        for sink in self._others:
            try:
                if findings:
                    sink.record(findings)
            except SinkFailed as error:
                log.warning("findings.sink_failed", error=str(error))
        self._told.update(finding.id for finding in findings)
