"""nf_tables as the kernel reports it and takes elements; knows no registry and no policy.

Source of the numbers: include/uapi/linux/netfilter/nf_tables.h. Reading and changing elements goes
past the library: a hundred thousand take a tenth of the memory, and no text reaches a parser.
"""

from __future__ import annotations

import struct
import zlib

from agent.helpers.firewall import netlink as nl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

INET, NETDEV = 1, 5
NEWTABLE, GETTABLE = 0, 1
GETCHAIN, GETRULE, GETSET = 4, 7, 10
NEWELEMENT, GETELEMENT, DELELEMENT = 12, 13, 14
NEWGEN, GETOBJECT = 15, 19
_NFTABLES = 10
_BEGIN, _END = 16, 17
_OBJECT_NAME = 9
DORMANT, OWNER, PERSIST = 1, 2, 4
_A_MESSAGE = 30_000  # bytes of elements; an attribute holds 65,535 at most


def kind(number: int) -> int:
    """A message's type on the wire."""
    return _NFTABLES << 8 | number


def _head(family: int, resource: int = 0) -> bytes:
    return struct.pack(">BBH", family, 0, resource)


class Shape:
    """What is installed of one table, apart from its elements.

    `chains` maps a chain to (type, hook, priority, policy, device), all empty for one without a
    hook; `rules` a chain to its rules' (comment, checksum), in order; `sets` a set to
    (key length, flags, object type); `counters` a counter to its packets. `flags` is -1 when there
    is not a table.
    """

    __slots__ = ("chains", "counters", "flags", "rules", "sets")

    def __init__(self) -> None:
        self.flags = -1
        self.chains: dict[str, tuple[str, int, int, int, str]] = {}
        self.rules: dict[str, list[tuple[str, int]]] = {}
        self.sets: dict[str, tuple[int, int, int]] = {}
        self.counters: dict[str, int] = {}


class Tables:
    """Reads on a socket of its own, changes through the one that owns the table."""

    def __init__(self, writer_fd: int) -> None:
        self._read = nl.Netlink()
        self.writer = nl.Netlink(fd=writer_fd)
        self.writer.enlarge(64 << 20)

    def shape(self, family: int, table: str) -> Shape:
        """All but the elements."""
        found = Shape()
        for body in self._dump(GETTABLE, family):
            if nl.string(body.get(1, b"")) == table:
                found.flags = nl.number(body.get(2, b""))
        if found.flags < 0:
            return found
        for body in self._dump(GETCHAIN, family):
            if nl.string(body[1]) == table:
                found.chains[nl.string(body[3])] = _chain(body)
        for body in self._dump(GETRULE, family, table):
            rule = (_comment(body.get(7, b"")), zlib.crc32(body.get(4, b"")))
            found.rules.setdefault(nl.string(body[2]), []).append(rule)
        for body in self._dump(GETSET, family, table):
            obj = nl.number(body.get(15, b""))
            flags = nl.number(body.get(3, b""))
            found.sets[nl.string(body[2])] = (nl.number(body[5]), flags, obj)
        found.counters = self.counters(family, table)
        return found

    def counters(self, family: int, table: str) -> dict[str, int]:
        """Packets by named counter; never reset, since a reset returns stale values."""
        return {
            nl.string(body[2]): nl.number(nl.attributes(body[4]).get(2, b""))
            for body in self._dump(GETOBJECT, family, table)
            if nl.number(body[3]) == 1 and nl.string(body[1]) == table
        }

    def elements(self, family: int, table: str, name: str) -> dict[bytes, str]:
        """Keys of a set with the object that each refers to (empty: none)."""
        found: dict[bytes, str] = {}
        body = _head(family) + nl.text(1, table) + nl.text(2, name)
        for part in self._read.dump(kind(GETELEMENT), body):
            found.update(_listed(nl.attributes(part, 4).get(3, b"")))
        return found

    def own(self, family: int, table: str) -> None:
        """Make the table, or claim an orphan: nobody else can change or flush it, and it outlives
        this process. Raises `OSError`: EOPNOTSUPP (kernel before 6.9, or a table that was made
        without it), EPERM (another living process owns it)."""
        flags = nl.attribute(2, struct.pack(">I", OWNER | PERSIST))
        self._batch([(NEWTABLE, nl.REQUEST, _head(family) + nl.text(1, table) + flags)])

    def replace(self, family: int, table: str, sets: Mapping[str, Mapping[bytes, str]]) -> None:
        """Give these sets exactly these elements, all in one transaction, so that no packet
        sees one empty."""
        batch: list[tuple[int, int, bytes]] = []
        for name, elements in sets.items():
            head = _head(family) + nl.text(1, table) + nl.text(2, name)
            batch.append((DELELEMENT, nl.REQUEST, head))  # without elements: all of them
            batch += [
                (NEWELEMENT, nl.REQUEST | nl.CREATE, head + nl.nested(3, *part))
                for part in _portions(elements)
            ]
        self._batch(batch)

    def change(
        self, family: int, table: str, name: str, add: Iterable[bytes], drop: Iterable[bytes]
    ) -> None:
        """Add and drop a few elements of one set."""
        head = _head(family) + nl.text(1, table) + nl.text(2, name)
        batch = []
        for number, keys in ((DELELEMENT, drop), (NEWELEMENT, add)):
            listed = [_element(key, "") for key in keys]
            if listed:
                batch.append((number, nl.REQUEST | nl.CREATE, head + nl.nested(3, *listed)))
        self._batch(batch)

    def _dump(self, number: int, family: int, table: str = "") -> list[dict[int, bytes]]:
        body = _head(family) + (nl.text(1, table) if table else b"")
        return [nl.attributes(part, 4) for part in self._read.dump(kind(number), body)]

    def _batch(self, parts: Sequence[tuple[int, int, bytes]]) -> None:
        """Apply all or nothing."""
        if not parts:
            return
        sequence = self.writer.next(len(parts) + 2)
        whole = [nl.message(_BEGIN, nl.REQUEST, sequence, _head(0, _NFTABLES))]
        for at, (number, flags, body) in enumerate(parts, 1):
            acknowledged = nl.ACK if at == len(parts) else 0
            whole.append(nl.message(kind(number), flags | acknowledged, sequence + at, body))
        end = sequence + len(parts) + 1
        whole.append(nl.message(_END, nl.REQUEST, end, _head(0, _NFTABLES)))
        self.writer.send(b"".join(whole))
        self.writer.check()


def _element(key: bytes, obj: str) -> bytes:
    value = nl.nested(1, nl.attribute(1, key))
    return nl.nested(1, value, nl.text(9, obj)) if obj else nl.nested(1, value)


def _frame(size: int, obj: str) -> tuple[bytes, bytes]:
    """What every element with keys of this size and this object has around its key."""
    whole = _element(bytes(size), obj)
    return whole[:12], whole[12 + size :]


def _listed(data: bytes) -> Iterable[tuple[bytes, str]]:
    """Elements as the kernel lists them: (key, object). By offsets, since there may be very many:
    an element's first attribute is its key, and that one's first the value."""
    names: dict[bytes, str] = {b"": ""}
    at, head = 0, struct.Struct("=HH").unpack_from
    while at + 12 <= len(data):
        length, size = head(data, at)[0], head(data, at + 8)[0]
        if length < 12 or size < 4:
            return
        behind = data[at + 8 + (size + 3 & ~3) : at + length]
        if behind not in names:
            names[behind] = nl.string(nl.attributes(behind).get(_OBJECT_NAME, b""))
        yield data[at + 12 : at + 8 + size], names[behind]
        at += (length + 3) & ~3


def _portions(elements: Mapping[bytes, str]) -> Iterable[list[bytes]]:
    """Elements packed, in lists that fit one attribute each."""
    part: list[bytes] = []
    size = 0
    frames: dict[str, tuple[bytes, bytes]] = {}  # what is before and after a key
    for key, obj in elements.items():
        if obj not in frames:
            frames[obj] = _frame(len(key), obj)
        before, after = frames[obj]
        packed = before + key + after
        part.append(packed)
        size += len(packed)
        if size > _A_MESSAGE:
            yield part
            part, size = [], 0
    if part:
        yield part


def _chain(body: Mapping[int, bytes]) -> tuple[str, int, int, int, str]:
    if 4 not in body:
        return "", 0, 0, 0, ""
    hook = nl.attributes(body[4])
    priority = int.from_bytes(hook[2], "big", signed=True)
    devices = [nl.string(name) for _, name in nl.pairs(hook.get(4, b""))]
    device = nl.string(hook[3]) if 3 in hook else "".join(devices[:1])
    policy = nl.number(body.get(5, b""))
    return nl.string(body.get(7, b"")), nl.number(hook[1]), priority, policy, device


def _comment(userdata: bytes) -> str:
    """A rule's comment: type 0 of the library's own type-length-value list."""
    at = 0
    while at + 2 <= len(userdata):
        kind_, length = userdata[at], userdata[at + 1]
        if kind_ == 0:
            return nl.string(userdata[at + 2 : at + 2 + length])
        at += 2 + length
    return ""
