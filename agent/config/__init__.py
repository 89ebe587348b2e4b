"""The configuration as one frozen value; how it is read stays in `agent.config.load`."""

from agent.config.config_values import Config

__all__ = ["Config"]
