"""The few forms of protobuf's wire format that OTLP logs need; knows no message.

protobuf.dev/programming-guides/encoding. Written by hand, since the protobuf runtime would cost
the agent more memory than all of its sinks.
"""

import struct
from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def varint(value: int) -> bytes:
    """A number from 0 to 2^64 - 1, seven bits a byte, lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    """An enum or an unsigned or small integer."""
    return varint(field << 3 | _VARINT) + varint(value)


def fixed64(field: int, value: int) -> bytes:
    """A number of eight bytes."""
    return varint(field << 3 | _FIXED64) + value.to_bytes(8, "little")


def double(field: int, value: float) -> bytes:
    """A floating-point number of eight bytes."""
    return varint(field << 3 | _FIXED64) + struct.pack("<d", value)


def chunk(field: int, value: bytes | str) -> bytes:
    """A message, bytes or text."""
    data = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | _BYTES) + varint(len(data)) + data


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message: numbers, or bytes for what has a length. Raises `ValueError`."""
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        kind, value = key & 7, 0
        if kind == _VARINT:
            value, at = _read_varint(data, at)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            size, at = _read_varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError("no known wire type")
        if at + size > len(data):
            raise ValueError("cut short")
        yield key >> 3, data[at : at + size]
        at += size


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        value |= (data[at] & 0x7F) << shift
        at += 1
        if not data[at - 1] & 0x80:
            return value, at
    raise ValueError("no end of a number")
