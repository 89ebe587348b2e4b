"""All attacks, gathered from the modules that mount them."""

from tests.attack import metadata
from tests.attack.stage import ATTACKS

MODULES = (metadata,)

__all__ = ("ATTACKS", "MODULES")
