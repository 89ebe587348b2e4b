"""The lockdown's tables with their defaults; a part of `agent.config.config_values`."""

from dataclasses import dataclass

from agent.config.kinds import (
    Count,
    Flag,
    Layers,
    Mirror,
    Names,
    OptionalPath,
    Path,
    Paths,
    Seconds,
    Services,
    key,
)

LAYERS = ("daemon.json", "files", "firewall")


@dataclass(frozen=True, slots=True)
class RegistryConfig:
    """`[registry]`. `mirror` is the private registry's root URL, such as https://images.acme.test;
    empty: the lockdown layers are not configured and touch nothing."""

    mirror: Mirror = ""
    ca_file: OptionalPath = ""


@dataclass(frozen=True, slots=True)
class LockdownConfig:
    """`[lockdown]`. `layers` are those that are kept (when a mirror is set and the mode is
    enforce; in observe mode drift is only reported). More than `heals` heals of one layer within
    `heal_seconds` mean that another tool keeps reverting it: the agent reports and backs off."""

    layers: Layers = LAYERS
    live_restore: Flag = False
    check_seconds: Seconds = 60.0
    heals: Count = 10
    heal_seconds: Seconds = 60.0
    backup_dir: Path = "/var/lib/dockwarden/backup"


@dataclass(frozen=True, slots=True)
class EgressConfig:
    """`[egress]`. `allow` are services (`host:port` or `host:port/udp`) that engines may reach
    besides the private registry and DNS; `known_registries` are refused to everybody."""

    allow: Services = ()
    known_registries: Names = (
        "registry-1.docker.io",
        "auth.docker.io",
        "index.docker.io",
        "quay.io",
        "ghcr.io",
        "gcr.io",
        "registry.k8s.io",
        "public.ecr.aws",
        "mcr.microsoft.com",
        "registry.gitlab.com",
    )
    engine_cgroups: Paths = key((), 'a list of cgroups, such as ["/system.slice/docker.service"]')
