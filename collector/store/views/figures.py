"""The agent's own figures in words a person reads; pure."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any


def figures(given: Mapping[str, Any]) -> dict[str, str]:
    """Of a heartbeat's figures; what it did not send is left out."""
    shown: dict[str, str] = {}
    if "rss_bytes" in given:
        shown["Agent's memory"] = f"{given['rss_bytes'] / 2**20:.1f} MiB"
    if given.get("uptime_s"):
        share = given.get("cpu_seconds", 0) / given["uptime_s"]
        shown["Agent's processor time"] = f"{share:.3%} of a core since it started"
        shown["Agent runs for"] = str(timedelta(seconds=min(int(given["uptime_s"]), 10**10)))
    if "spool_bytes" in given:
        shown["Spool"] = f"{given['spool_bytes'] / 1000:.1f} kB"
    if given.get("quarantined"):
        shown["Quarantined records"] = str(given["quarantined"])
    return shown
