"""`daemon.json` of a Docker Engine: our keys in it, and the engine's own word that it took them."""

from agent.adapters.engine_config.engine_config_layer import EngineConfigLayer
from agent.adapters.engine_config.running_engine import RunningEngine

__all__ = ["EngineConfigLayer", "RunningEngine"]
