"""Docker Engine 20.10 and newer: its API, its event stream and, where it is silent, its files."""

from agent.adapters.docker_engine.engine import DockerEngine
from agent.adapters.docker_engine.events import DockerEvents

__all__ = ["DockerEngine", "DockerEvents"]
