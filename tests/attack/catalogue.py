"""All attacks, gathered from the modules that mount them."""

from tests.attack import delegations, metadata, signatures
from tests.attack.stage import ATTACKS

MODULES = (metadata, signatures, delegations)

__all__ = ("ATTACKS", "MODULES")
