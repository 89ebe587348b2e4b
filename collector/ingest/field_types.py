"""The sorts of text in a batch, and text made fit for a database; knows no record.

Patterns end in \\Z: msgspec searches, and `$` would let a final line feed pass.
"""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from collector.model.times import DAY_US, SECOND_US, us

_UUID7 = r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z"
_DIGEST = r"^(sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})\Z"
_TIME = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?Z\Z"
)

Uuid7 = Annotated[str, Meta(pattern=_UUID7)]
Digest = Annotated[str, Meta(pattern=_DIGEST)]
Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Sequence = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,17}\Z")]
Time = Annotated[str, Meta(pattern=_TIME)]
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Positive = Annotated[int, Meta(ge=1, le=2**53 - 1)]

# What a host counts is kept up to here: the sum over a million hosts still fits eight bytes.
MOST_COUNTED = 10**12

_AHEAD_US = 300 * SECOND_US
_OLDEST_US = 50 * 365 * DAY_US  # about 2020: before that no host had this agent


def fit(text: str, limit: int = 1024) -> str:
    """The text cut at `limit` characters; PostgreSQL cannot hold U+0000."""
    return text[:limit].replace("\0", "\ufffd")


def counted(value: int) -> int:
    """The count, at most `MOST_COUNTED`."""
    return min(value, MOST_COUNTED)


def microseconds(time: str) -> int:
    """Of a `Time`; raises `ValueError` for a day that no month has."""
    return us(datetime.fromisoformat(time))


def believable(at: int, received_at: int) -> int:
    """`at` unless the host's clock is five minutes ahead, or years behind: then when it came."""
    return at if _OLDEST_US < at <= received_at + _AHEAD_US else received_at


def what_is_wrong(error: BaseException) -> str:
    """Our words for what reading somebody's JSON raised; the reader's differ between releases."""
    match error:
        case msgspec.ValidationError():
            return "it does not match its schema"
        case msgspec.DecodeError() | UnicodeError():
            return "it is not JSON in UTF-8"
        case RecursionError():
            return "it is nested too deeply"
        case _:
            return "it contains an impossible value"
