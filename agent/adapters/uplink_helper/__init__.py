"""Runs the uplink's process while there is something to send."""

from agent.adapters.uplink_helper.uplink import Uplink, UplinkState

__all__ = ["Uplink", "UplinkState"]
