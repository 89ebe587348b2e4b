"""Builds the lockdown's layers from the configuration, for the daemon and for the command line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.adapters.docker_engine import DockerEngine
from agent.adapters.egress import EgressFirewall, EgressSettings
from agent.adapters.egress.resolved_names import system_lookup
from agent.adapters.engine_config import EngineConfigLayer, RunningEngine
from agent.adapters.image_files import ImageFilesLayer, tool_files
from agent.adapters.system_clock import SystemClock
from agent.config import Config
from agent.config.lockdown_config import LAYERS
from agent.files.backup import Backups
from agent.merging.merge_engine import EngineWish
from agent.ports import Layer
from agent.ports.lockdown_values import Disturbance, Refusal

ENGINE_SECONDS = 2.0  # how long a question about its networks may take


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

    def healing(self, name: str, on: bool) -> None:
        """Whether a layer restores itself at once; only the firewall does. Raises `LayerFailed`."""
        if self.firewall is not None and name == self.firewall.name:
            self.firewall.healing(on)


def lockdown(
    config: Config,
    sink: Callable[[Refusal | Disturbance], None] = lambda _message: None,
    *,
    crashed: Callable[[BaseException], None] | None = None,
    to_restore: bool = False,
) -> Lockdown:
    """The layers that the configuration asks for; none while no mirror is set.

    `to_restore`: all layers whatever is configured now, since an earlier configuration may have
    put them in place.
    """
    mirror = config.registry.mirror
    wanted: Sequence[str] = LAYERS if to_restore else config.lockdown.layers if mirror else ()
    backups = Backups(config.lockdown.backup_dir)
    layers: list[Layer] = []
    firewall: EgressFirewall | None = None
    if "daemon.json" in wanted:
        wish = EngineWish(mirror, config.lockdown.live_restore)
        engine = RunningEngine(config.engine.socket)
        layers.append(EngineConfigLayer(engine, backups, wish, lookup=system_lookup))
    if "files" in wanted:
        ca_file = config.registry.ca_file
        layers.append(ImageFilesLayer(lambda: tool_files(mirror, ca_file), backups))
    if "firewall" in wanted:
        firewall = _firewall(config, sink, crashed)
        layers.append(firewall)
    return Lockdown(tuple(layers), firewall)


def _firewall(
    config: Config,
    sink: Callable[[Refusal | Disturbance], None],
    crashed: Callable[[BaseException], None] | None,
) -> EgressFirewall:
    engine = DockerEngine(config.engine.socket, timeout=ENGINE_SECONDS)
    settings = EgressSettings(
        config.registry.mirror,
        config.egress,
        Path(config.agent.state_dir, "egress-names.json"),
        socket=config.engine.socket,
        devices=engine.macvlan_parents,
    )
    return EgressFirewall(
        sink,
        settings=settings,
        clock=SystemClock(),
        container_at=engine.container_at,
        crashed=crashed,
    )
