"""The unix socket between the CLI and the running agent; both of its ends."""

from agent.adapters.control_socket.control_client import call
from agent.adapters.control_socket.control_server import ControlServer, Handler

__all__ = ["ControlServer", "Handler", "call"]
