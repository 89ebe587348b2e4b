"""Records to the body of a request, and its answer to what is to be done; no I/O.

The contract is docs/internals/reporting.md.
"""

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from agent.helpers.uplink.outbox import Record
from core.network.retry_delay import LONGEST, retry_after

CONTENT_TYPE: Final = "application/cloudevents-batch+json"


class Next(StrEnum):
    """What an answer means for the batch."""

    FORGET = "forget"  # it is committed
    QUARANTINE = "quarantine"  # some of it the collector will never have
    SPLIT = "split"  # send less at once
    RETRY = "retry"  # later
    REFUSED = "refused"  # a person has to do something; tried again at the longest interval


@dataclass(frozen=True, slots=True)
class Step:
    """What to do. `reasons` are by record id; `after` is the least wait in seconds."""

    next: Next
    why: str = ""
    reasons: Mapping[str, str] = field(default_factory=dict)
    after: float = 0.0


def body(records: Sequence[Record], *, host_id: str, epoch: str) -> bytes:
    """The gzip'd batch; it contains each record's data byte for byte."""
    events = [_event(record, host_id, epoch) for record in records]
    return gzip.compress(b"[" + b",".join(events) + b"]", compresslevel=4, mtime=0)


def _event(record: Record, host_id: str, epoch: str) -> bytes:
    named = {
        "specversion": "1.0",
        "id": record.id,
        "source": f"/hosts/{host_id}",
        "type": record.type,
        "time": record.time,
        "datacontenttype": "application/json",
        "epoch": epoch,
        "sequence": str(record.sequence),
        "prevhash": record.prevhash,
        "hash": record.hash,
        "count": record.count,
    }
    head = json.dumps(named, separators=(",", ":")).encode()
    return head[:-1] + b',"data":' + record.data + b"}"


def step(status: int, headers: Mapping[str, str], answer: bytes, sent: Sequence[Record]) -> Step:
    """What an answer means; `headers` are in lower case."""
    told = _parsed(answer)
    error = str(told.get("error") or f"the collector answered {status}")[:500]
    if status == 200:
        # A portal's or a proxy's page is a 200 as well: only the right sum is an acknowledgement.
        numbers = (told.get("accepted"), told.get("duplicates"))
        if all(isinstance(n, int) for n in numbers) and sum(map(int, numbers)) == len(sent):  # type: ignore[arg-type]
            return Step(Next.FORGET)
        return Step(Next.RETRY, "the server there is not a collector")
    if status == 400:
        return _bad(told, error, sent)
    if status == 413:
        return _smaller(error, sent)
    if status in (401, 403):
        return Step(Next.REFUSED, error)
    if status == 429 or status >= 500 or status == 408:
        return Step(Next.RETRY, error, after=min(retry_after(headers) or 0.0, LONGEST))
    return Step(Next.REFUSED, f"the collector answered {status}: {error}")


def _bad(told: Mapping[str, Any], error: str, sent: Sequence[Record]) -> Step:
    ids = {record.id for record in sent}
    events = told.get("events")
    reasons = {
        event["id"]: str(event.get("reason") or error)[:500]
        for event in (events if isinstance(events, list) else [])
        if isinstance(event, dict) and event.get("id") in ids
    }
    return Step(Next.QUARANTINE, error, reasons) if reasons else _smaller(error, sent)


def _smaller(error: str, sent: Sequence[Record]) -> Step:
    if len(sent) > 1:
        return Step(Next.SPLIT, error)
    return Step(Next.QUARANTINE, error, {record.id: error for record in sent})


def _parsed(answer: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
