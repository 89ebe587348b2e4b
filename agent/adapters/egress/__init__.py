"""The egress firewall seen from the agent; the rules themselves are in agent/firewall, in a process
of their own."""

from agent.adapters.egress.layer import EgressFirewall
from agent.adapters.egress.settings import EgressSettings, Launch

__all__ = ["EgressFirewall", "EgressSettings", "Launch"]
