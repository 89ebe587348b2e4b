"""The hash chain over a host's records; knows neither spool nor wire.

With every record of an epoch anybody can prove that none was removed or altered since.
"""

from hashlib import sha256

START = "0" * 64  # what the first record of an epoch names as the one before it


def link(
    prevhash: str,
    *,
    epoch: str,
    sequence: int,
    id: str,
    type: str,
    time: str,
    data: bytes,
    count: int = 1,
) -> str:
    """The hash of one record, in 64 hex digits, given that of the one before it.

    `data` is the record's JSON byte for byte as it is sent; the others are the event's attributes
    as text (docs/internals/reporting.md).
    """
    head = f"{prevhash}\n{epoch}\n{sequence}\n{id}\n{type}\n{time}\n{count}\n"
    return sha256(head.encode() + data).hexdigest()
