"""Builds the lockdown's layers from the configuration, for the daemon and for the command line."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.adapters.clock import SystemClock
from agent.adapters.egress import EgressFirewall, EgressSettings
from agent.adapters.engine_config import EngineConfigLayer, RunningEngine
from agent.adapters.image_files import ImageFilesLayer, tool_files
from agent.backup import Backups
from agent.config import Config
from agent.domain.lockdown import Disturbance, Refusal
from agent.domain.merge_engine import EngineWish
from agent.ports import Layer


@dataclass(frozen=True, slots=True)
class Lockdown:
    """The configured layers, in the order in which they are applied; restored in reverse."""

    layers: tuple[Layer, ...]
    firewall: EgressFirewall | None = None

    def start(self) -> None:
        """Begin what goes on in the background (names are resolved again and again)."""
        if self.firewall is not None:
            self.firewall.start()

    def close(self) -> None:
        """End the helpers. What was applied stays, as it has to while the agent is away."""
        if self.firewall is not None:
            self.firewall.close()

    def healing(self, on: bool) -> None:
        """Whether the firewall mends itself at once."""
        if self.firewall is not None:
            self.firewall.healing(on)


def lockdown(
    config: Config, sink: Callable[[Refusal | Disturbance], None] = lambda _message: None
) -> Lockdown:
    """The layers that the configuration asks for; none while no mirror is set."""
    mirror, wanted = config.registry.mirror, config.lockdown.layers
    if not mirror:
        return Lockdown(())
    backups = Backups(config.lockdown.backup_dir)
    layers: list[Layer] = []
    firewall: EgressFirewall | None = None
    if "daemon.json" in wanted:
        wish = EngineWish(mirror, config.lockdown.live_restore)
        layers.append(EngineConfigLayer(RunningEngine(config.engine.socket), backups, wish))
    if "files" in wanted:
        ca_file = config.registry.ca_file
        layers.append(ImageFilesLayer(lambda: tool_files(mirror, ca_file), backups))
    if "firewall" in wanted:
        settings = EgressSettings(
            mirror,
            config.egress,
            Path(config.agent.state_dir, "egress-names.json"),
            socket=config.engine.socket,
        )
        firewall = EgressFirewall(sink, settings=settings, clock=SystemClock())
        layers.append(firewall)
    return Lockdown(tuple(layers), firewall)
