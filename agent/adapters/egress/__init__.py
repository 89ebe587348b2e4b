"""The egress firewall seen from the agent; the rules themselves are in agent/helpers/firewall, in a process
of their own."""

from agent.adapters.egress.egress_settings import EgressSettings, Launch
from agent.adapters.egress.firewall_layer import EgressFirewall

__all__ = ["EgressFirewall", "EgressSettings", "Launch"]
