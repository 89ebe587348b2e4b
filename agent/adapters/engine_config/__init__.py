"""`daemon.json` of a Docker Engine: our keys in it, and the engine's own word that it took them."""

from agent.adapters.engine_config.layer import EngineConfigLayer
from agent.adapters.engine_config.running import RunningEngine

__all__ = ["EngineConfigLayer", "RunningEngine"]
