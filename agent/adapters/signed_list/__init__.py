"""The port `TrustedList` over the index that the sync helper compiled; verifies no signature.

The file is immutable and read as such; nothing of it is held in memory but a small page cache.
"""

from agent.adapters.signed_list.reader import SignedList

__all__ = ("SignedList",)
