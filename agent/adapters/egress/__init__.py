"""The egress firewall seen from the agent; its rules are in agent/helpers/firewall, a
process of its own."""

from agent.adapters.egress.egress_settings import EgressSettings, Launch
from agent.adapters.egress.firewall_layer import EgressFirewall

__all__ = ["EgressFirewall", "EgressSettings", "Launch"]
