"""The cgroup gate's own small process; standard library only, and as little of it as possible.

No dataclasses, enum, typing, json, re, logging or socket here, nor anything that imports them:
each costs this process 0.5 to 2.5 MiB (docs/internals/gate.md has the figures).
"""
