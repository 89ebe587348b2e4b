"""A request's bytes to a batch of records, or every event that cannot be kept; no I/O, no clock.

Contract: docs/internals/reporting.md. Data stays the bytes that came, which the hash is over.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from collector.ingest.field_types import (
    Hash,
    Sequence,
    Time,
    Uuid7,
    believable,
    microseconds,
    what_is_wrong,
)
from collector.ingest.finding_form import read_finding
from collector.ingest.heartbeat_form import read_heartbeat
from collector.ingest.others import read_drops, read_inventory
from collector.model.records import Batch, Body, Record, Type
from core.hash_chain import link

MOST_EVENTS = 500
LONGEST_DATA = 64 * 1024  # bytes
_LONGEST_REASON = 300  # characters

_TYPES = {
    "dockwarden.finding.v1": Type.FINDING,
    "dockwarden.heartbeat.v1": Type.HEARTBEAT,
    "dockwarden.inventory.v1": Type.INVENTORY,
    "dockwarden.drops.v1": Type.DROPS,
}


class Event(Struct, gc=False):
    """One CloudEvent; attributes that are not ours are ignored."""

    specversion: Literal["1.0"]
    id: Uuid7
    source: Annotated[str, Meta(max_length=200)]
    type: Literal[
        "dockwarden.finding.v1",
        "dockwarden.heartbeat.v1",
        "dockwarden.inventory.v1",
        "dockwarden.drops.v1",
    ]
    time: Time
    datacontenttype: Literal["application/json"]
    epoch: Uuid7
    sequence: Sequence
    prevhash: Hash
    hash: Hash
    data: Raw
    count: Annotated[int, Meta(ge=1, le=10**9)] = 1


@dataclass(frozen=True, slots=True)
class Fault:
    """Why one event cannot be kept."""

    index: int
    id: str
    reason: str


class Unreadable(Exception):
    """The batch as a whole (`faults` empty), or these of its events, cannot be kept."""

    def __init__(self, reason: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.faults = faults


class TooLong(ValueError):
    """The data of an event has more bytes than are kept."""


class TooMany(Unreadable):
    """More events than a batch may hold."""


class NotTheirs(Exception):
    """An event claims to come from another host than the one that sends it."""


_BATCH = msgspec.json.Decoder(list[Event])
_RAWS = msgspec.json.Decoder(list[Raw])
_EVENT = msgspec.json.Decoder(Event)
# What msgspec and what it calls raise on input; a RecursionError is a depth of some thousands.
_BAD_INPUT = (msgspec.DecodeError, UnicodeError, ValueError, RecursionError)


def decode(body: bytes, *, host_id: str, received_at: int) -> Batch:
    """All records of the request, or none: raises `Unreadable` or `NotTheirs`."""
    try:
        events = _BATCH.decode(body)
    except _BAD_INPUT:
        return _explain(body)
    if len(events) > MOST_EVENTS:
        raise TooMany(f"{len(events)} events in one batch; {MOST_EVENTS} is the most")
    source = f"/hosts/{host_id}"
    records: list[Record] = []
    faults: list[Fault] = []
    for index, event in enumerate(events):
        if event.source != source:
            raise NotTheirs(f"event {index} has another source than {source}")
        try:
            records.append(_record(event, received_at))
        except _BAD_INPUT as error:
            faults.append(Fault(index, event.id, _words(error)))
    if faults:
        raise Unreadable("events that cannot be kept; nothing was", tuple(faults))
    return Batch(host_id, received_at, tuple(records))


def _record(event: Event, received_at: int) -> Record:
    data = bytes(event.data)
    if len(data) > LONGEST_DATA:
        raise TooLong(f"data has {len(data)} bytes; {LONGEST_DATA} is the most")
    text = data.decode()
    sequence = int(event.sequence)
    kind = _TYPES[event.type]
    hashed = link(
        event.prevhash,
        epoch=event.epoch,
        sequence=sequence,
        id=event.id,
        type=event.type,
        time=event.time,
        data=data,
        count=event.count,
    )
    body = _body(kind, event.data)
    return Record(
        type=kind,
        event_id=event.id,
        at=believable(microseconds(event.time), received_at),
        epoch=event.epoch,
        sequence=sequence,
        prevhash=event.prevhash,
        hash=event.hash,
        intact=hashed == event.hash,
        count=event.count,
        data=text,
        body=body,
    )


def _body(kind: Type, data: Raw) -> Body:
    match kind:
        case Type.FINDING:
            return read_finding(data)
        case Type.HEARTBEAT:
            return read_heartbeat(data)
        case Type.INVENTORY:
            return read_inventory(data)
        case Type.DROPS:
            return read_drops(data)


def _explain(body: bytes) -> Batch:
    """The slow way, event by event, to name each that is wrong; always raises."""
    try:
        raws = _RAWS.decode(body)
    except _BAD_INPUT as error:
        raise Unreadable(f"the body is not a JSON array of events: {_words(error)}") from error
    if len(raws) > MOST_EVENTS:
        raise TooMany(f"{len(raws)} events in one batch; {MOST_EVENTS} is the most")
    faults = []
    for index, raw in enumerate(raws):
        try:
            _EVENT.decode(raw)
        except _BAD_INPUT as error:
            faults.append(Fault(index, _id_of(raw), _words(error)))
    raise Unreadable("events that cannot be kept; nothing was", tuple(faults))


class _Named(Struct):
    id: Annotated[str, Meta(max_length=100)] = ""


def _id_of(raw: Raw) -> str:
    try:
        return msgspec.json.decode(raw, type=_Named).id
    except _BAD_INPUT:
        return ""


def _words(error: BaseException) -> str:
    """Our sentence; the decoder's own words are a detail behind it, which its releases change."""
    if isinstance(error, TooLong):
        return str(error)
    return f"{what_is_wrong(error)} ({str(error) or type(error).__name__})"[:_LONGEST_REASON]
