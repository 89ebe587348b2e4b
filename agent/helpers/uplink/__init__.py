"""What waits for the collector, and the helper process that brings it there.

`dockwarden` starts `python -m agent.helpers.uplink` when there is something to send; it ends when
there is nothing more. It knows no containers and no verdicts.
"""
