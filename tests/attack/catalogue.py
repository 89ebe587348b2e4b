"""All attacks, gathered from the modules that mount them."""

from tests.attack import delegations, metadata, payloads, signatures, transport
from tests.attack.stage import ATTACKS

MODULES = (metadata, signatures, delegations, payloads, transport)

__all__ = ("ATTACKS", "MODULES")
