"""The allowlist from a JSON file on this host: unsigned, so who may write the file is checked."""

from agent.adapters.allowlist_file.source import FileAllowlist
from agent.adapters.allowlist_file.writing import dump

__all__ = ["FileAllowlist", "dump"]
