"""Fixtures and options for all tests."""

import pytest
from hypothesis import HealthCheck, settings

from registrar.keys import sealed_key

pytest_plugins = ("tests.lab.fixtures",)

# Property tests test the product, never the machine: no example has a deadline, and a busy
# machine that makes examples slowly is not a failure.
settings.register_profile(
    "any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any-machine")


@pytest.fixture(autouse=True, scope="session")
def cheap_keys() -> None:
    """A private key costs half a second to open, on purpose; tests open hundreds."""
    sealed_key.COST = 1 << 10
