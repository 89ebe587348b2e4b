"""Content digests and chain IDs; knows only their grammar and arithmetic."""

import hashlib
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from core.base_errors import InvalidDigest

# Grammar and registered algorithms: OCI image-spec, descriptor.md, "Digests".
_HEX_LENGTH = {"sha256": 64, "sha384": 96, "sha512": 128}
_DIGEST = re.compile(r"(?P<algorithm>[a-z0-9]+(?:[+._-][a-z0-9]+)*):(?P<hex>[0-9a-f]+)")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """`algorithm:hex` of some content, as an engine or a registry computed it."""

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `sha256:<64 lower-case hex>` (or sha384, sha512); else `InvalidDigest`."""
        match = _DIGEST.fullmatch(text)
        if match is None or _HEX_LENGTH.get(match["algorithm"]) != len(match["hex"]):
            raise InvalidDigest(
                f"{text[:100]!r} is not a content digest",
                hint="write it as sha256: and 64 lower-case hexadecimal digits",
            )
        return cls(sys.intern(match["algorithm"]), match["hex"])

    @classmethod
    def of(cls, content: bytes) -> Self:
        """The sha256 digest of some bytes."""
        return cls("sha256", hashlib.sha256(content).hexdigest())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"

    @property
    def short(self) -> str:
        """The first 12 hexadecimal digits, as engines print them."""
        return self.hex[:12]


def chain_ids(diff_ids: Iterable[Digest]) -> tuple[Digest, ...]:
    """The chain ID of each prefix of a layer stack, lowest first; the last is the image's.

    Rule: OCI image-spec, config.md, "Layer ChainID".
    """
    chain: list[Digest] = []
    for diff_id in diff_ids:
        chain.append(Digest.of(f"{chain[-1]} {diff_id}".encode()) if chain else diff_id)
    return tuple(chain)
