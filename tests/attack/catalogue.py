"""All attacks, gathered from the modules that mount them."""

from tests.attack import blobs, delegations, metadata, payloads, signatures, transport
from tests.attack.stage import ATTACKS

MODULES = (metadata, signatures, delegations, payloads, blobs, transport)

__all__ = ("ATTACKS", "MODULES")
