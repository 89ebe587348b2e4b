"""The signed list's ways in: a tiny conditional poll, and the helper that fetches and verifies."""

from agent.adapters.list_sync.break_glass_files import (
    BreakGlassFile,
    HelperVerifier,
    NoVerifier,
    host_id,
)
from agent.adapters.list_sync.helper import Helper
from agent.adapters.list_sync.repository import HelperRepository

__all__ = [
    "BreakGlassFile",
    "Helper",
    "HelperRepository",
    "HelperVerifier",
    "NoVerifier",
    "host_id",
]
