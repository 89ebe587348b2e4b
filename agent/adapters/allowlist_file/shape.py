"""The shape of `core/schemas/allowlist-1.schema.json` as types; knows no meaning of any text.

The approvals, which are by far the most of it, may be left as they are in the text (`Raw`) to
be read one by one.
"""

from typing import Annotated, Final, Generic, Literal, TypeVar

from msgspec import Meta, Struct, field

SEQUENCE_LIMIT: Final = 2**53 - 1  # the largest integer that every JSON reader keeps exact

A = TypeVar("A")
Words = tuple[Annotated[str, Meta(min_length=1)], ...]


class ApprovalShape(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """An entry of `approvals`."""

    repository: str
    digests: tuple[str, ...]
    pull: str | None = None
    tags: tuple[str, ...] = ()
    chain_ids: tuple[str, ...] = ()
    approved_at: str | None = None
    expires_at: str | None = None
    approvers: Words = ()
    reason: str = ""
    scanners: Words = ()
    licences: Words = ()


class DenyShape(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """An entry of `denies`."""

    digests: tuple[str, ...]
    reason: str
    revoked: bool = False
    denied_at: str | None = None


class WaiverShape(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """An entry of `waivers`."""

    digests: tuple[str, ...]
    lifts: str
    reason: str
    owner: str
    expires_at: str


class ConstraintsShape(
    Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False
):
    """A level's `constraints`."""

    repositories: tuple[str, ...] = ()
    required_scanners: Words = ()
    allowed_licences: Words = ()
    longest_lifetime_days: int | None = None
    forbid_exemptions: bool = False


class LevelShape(
    Struct, Generic[A], frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False
):
    """An entry of `levels`."""

    scope: str
    constraints: ConstraintsShape = ConstraintsShape()
    approvals: tuple[A, ...] = ()
    denies: tuple[DenyShape, ...] = ()
    waivers: tuple[WaiverShape, ...] = ()


class ListShape(
    Struct, Generic[A], frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False
):
    """The whole document."""

    version: Literal[1]
    sequence: Annotated[int, Meta(ge=0, le=SEQUENCE_LIMIT)]
    levels: Annotated[tuple[LevelShape[A], ...], Meta(min_length=1)]
    contact: str = ""
    schema: str = field(name="$schema", default="")
