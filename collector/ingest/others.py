"""Inventory and drops data (collector/schemas) to values; no I/O."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from collector.ingest.field_types import Count, Digest, Positive, Uuid7, fit
from collector.model.records import Drops, Inventory, Item, Row


class _Container(Struct):
    id: Annotated[str, Meta(pattern=r"^[0-9a-f]{12,64}\Z")]
    name: str
    state: str
    reference: str
    image: Digest | None
    manifest: Digest | None = None
    verdict: str | None = None


class _Image(Struct):
    image: Digest
    references: list[str]
    manifest: Digest | None = None
    os: str | None = None
    architecture: str | None = None


class _Inventory(Struct):
    version: Literal[1]
    hash: Annotated[str, Meta(min_length=1, max_length=128)]
    containers: list[_Container]
    images: list[_Image]
    part: Positive = 1
    parts: Positive = 1


class _Range(Struct):
    first: Positive
    last: Positive


class _Drops(Struct):
    version: Literal[1]
    reason: str
    count: Count
    epoch: Uuid7
    ranges: Annotated[list[_Range], Meta(max_length=1000)]
    bytes: Count = 0
    by_type: dict[str, Count] = {}


_INVENTORY = msgspec.json.Decoder(_Inventory)
_DROPS = msgspec.json.Decoder(_Drops)


def read_inventory(data: msgspec.Raw) -> Inventory:
    """Raises `msgspec.DecodeError`, `ValidationError` or `UnicodeDecodeError` with the reason."""
    given = _INVENTORY.decode(data)
    items = {f"container:{one.id}": _container(one) for one in given.containers}
    items |= {f"image:{one.image}": _image(one) for one in given.images}
    return Inventory(fit(given.hash, 128), tuple(items.values()))


def read_drops(data: msgspec.Raw) -> Drops:
    """Raises as `read_inventory`."""
    given = _DROPS.decode(data)
    msgspec.json.decode(data)  # what is kept word for word has to be whole JSON
    ranges = tuple((r.first, r.last) for r in given.ranges if r.first <= r.last)
    reason = fit(given.reason, 200)
    row = Row(kind="drops", severity="error", event="spool.dropped", reference=reason)
    return Drops(row, reason, given.epoch, ranges)


def _container(one: _Container) -> Item:
    return Item(
        item=f"container:{one.id}",
        image=one.image or "",
        manifest=one.manifest or "",
        reference=fit(one.reference),
        name=fit(one.name, 255),
        state=fit(one.state, 20),
        verdict=fit(one.verdict or "", 20),
        platform="",
    )


def _image(one: _Image) -> Item:
    return Item(
        item=f"image:{one.image}",
        image=one.image,
        manifest=one.manifest or "",
        reference=fit(" ".join(one.references)),
        name="",
        state="",
        verdict="",
        platform=fit("/".join(filter(None, (one.os, one.architecture))), 64),
    )
