"""The signed list's ways in: a tiny conditional poll, and the helper that fetches and verifies."""

from agent.adapters.list_sync.glass import GlassFile, HelperVerifier, NoVerifier, host_id
from agent.adapters.list_sync.helper import Helper
from agent.adapters.list_sync.repository import HelperRepository

__all__ = ["GlassFile", "Helper", "HelperRepository", "HelperVerifier", "NoVerifier", "host_id"]
