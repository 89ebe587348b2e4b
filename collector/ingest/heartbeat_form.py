"""A heartbeat's data (collector/schemas/heartbeat-1.schema.json) to a host's state; no I/O."""

import json
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from collector.ingest.field_types import Count, Time, counted, fit, microseconds
from collector.model.records import State

_MOST_REASONS = 32


class _Engine(Struct):
    version: str
    connected: bool


class _List(Struct):
    sequence: Count | None
    expires_at: Time | None
    freshness: Literal["fresh", "stale", "too_stale", "unsigned", "none"]
    signed: bool = False
    origin: str = ""


class _Layer(Struct):
    name: str
    state: Literal["held", "drifted", "failed", "off"]
    detail: str = ""


class _Spool(Struct):
    records: Count
    bytes: Count
    dropped: Count
    quarantined: Count = 0
    oldest_at: Time | None = None


class _Agent(Struct):
    rss_bytes: Count
    cpu_seconds: Annotated[float, Meta(ge=0, le=1e12)]
    uptime_s: Annotated[float, Meta(ge=0, le=1e12)]
    threads: Count = 0


class _Heartbeat(Struct):
    version: Literal[1]
    host: str
    interval_s: Annotated[int, Meta(ge=1, le=86400)]
    agent_version: str
    scope: str
    mode: Literal["observe", "enforce"]
    engine: _Engine | None
    allowlist: _List
    layers: Annotated[list[_Layer], Meta(max_length=32)]
    degraded: Annotated[list[str], Meta(max_length=256)]
    spool: _Spool
    agent: _Agent
    boot_id: str = ""
    os: str = ""
    kernel: str = ""


_DECODER = msgspec.json.Decoder(_Heartbeat)
_LIST_REASONS = {
    "stale": "its allowlist is stale: the last good one stays in force",
    "too_stale": "its allowlist has been stale for longer than its organization allows",
    "none": "it has no allowlist",
}


def read_heartbeat(data: msgspec.Raw) -> State:
    """Raises `msgspec.DecodeError`, `ValidationError`, `UnicodeDecodeError` or `ValueError`."""
    beat = _DECODER.decode(data)
    given = beat.allowlist
    layers = [
        {"name": fit(y.name, 64), "state": y.state, "detail": fit(y.detail)} for y in beat.layers
    ]
    return State(
        name=fit(beat.host, 255),
        boot_id=fit(beat.boot_id, 64),
        interval_s=beat.interval_s,
        scope=fit(beat.scope, 255),
        mode=beat.mode,
        reasons=json.dumps(reasons(beat)),
        agent_version=fit(beat.agent_version, 64),
        engine_version=fit(beat.engine.version, 64) if beat.engine else "",
        system=" · ".join(filter(None, (fit(beat.os, 128), fit(beat.kernel, 128)))),
        list_sequence=given.sequence,
        list_expires_at=microseconds(given.expires_at) if given.expires_at else None,
        freshness=given.freshness,
        layers=json.dumps(layers),
        drifted=sum(layer.state in ("drifted", "failed") for layer in beat.layers),
        spool_records=counted(beat.spool.records),
        dropped=counted(beat.spool.dropped),
        figures=json.dumps(
            {
                "rss_bytes": beat.agent.rss_bytes,
                "cpu_seconds": beat.agent.cpu_seconds,
                "uptime_s": beat.agent.uptime_s,
                "threads": beat.agent.threads,
                "spool_bytes": beat.spool.bytes,
                "quarantined": beat.spool.quarantined,
            }
        ),
    )


def reasons(beat: _Heartbeat) -> list[str]:
    """Why a living host does not guard as it should, in sentences; none when it does."""
    found = []
    if beat.mode != "enforce":
        found.append("its mode is observe: nothing is stopped")
    if beat.engine is None or not beat.engine.connected:
        found.append("the agent has no connection to the container engine")
    if beat.allowlist.freshness in _LIST_REASONS:
        found.append(_LIST_REASONS[beat.allowlist.freshness])
    for layer in beat.layers:
        if layer.state in ("drifted", "failed"):
            tail = f": {fit(layer.detail, 200)}" if layer.detail else ""
            found.append(f"layer {fit(layer.name, 64)} has {layer.state}{tail}")
    found += [fit(reason, 300) for reason in beat.degraded]
    return list(dict.fromkeys(found))[:_MOST_REASONS]
