"""The firewall's own small process: standard library, and python3-nftables loaded at run time.

It runs under the distribution's Python (3.9 or later), so no newer syntax here; it imports
nothing of the agent but what is standard library only. docs/adr/0007-licence-boundary.md says why.
"""
