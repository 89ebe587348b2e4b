"""Fixtures and options for all tests."""

from hypothesis import HealthCheck, settings

pytest_plugins = ("tests.lab.fixtures",)

# Property tests test the product, never the machine: no example has a deadline, and a busy
# machine that makes examples slowly is not a failure.
settings.register_profile(
    "any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any-machine")
