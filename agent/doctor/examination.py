"""All checks, in the order in which one depends on the other."""

import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agent.config import Config
from agent.doctor import agent_checks, machine_checks, service_checks
from agent.doctor.result import Result, failed, ok
from core.base_errors import ConfigInvalid


@dataclass(frozen=True, slots=True)
class Host:
    """A host's configuration as its files have it now, and their names; `read` raises
    `ConfigInvalid`."""

    read: Callable[[], tuple[Config, tuple[str, ...]]]


def examine(host: Host) -> Iterator[Result]:
    """One result after the other, as they are found. With a wrong configuration the defaults are
    looked at: most checks do not depend on it."""
    try:
        config, files = host.read()
        yield ok("configuration", ", ".join(files) or "no file, defaults only")
    except ConfigInvalid as error:
        config, files = Config(), ()
        fix = "correct these, then: dockwarden config validate"
        yield failed("configuration", "; ".join(error.problems), fix)
    yield machine_checks.permissions(config, files)
    engine, info = service_checks.engine(config)
    yield engine
    cgroup, version = machine_checks.cgroups(config, info.cgroup_version if info else "")
    yield machine_checks.kernel(platform.release(), version)
    yield cgroup
    yield service_checks.unit()
    agent, status = agent_checks.agent(config)
    yield agent
    yield agent_checks.gate(status)
    yield agent_checks.allowlist(status)
    environ = service_checks.service_environment()
    mirror, ca_file = config.registry.mirror, config.registry.ca_file
    unset = "[registry] mirror is not set"
    yield service_checks.reachable("registry", mirror, ca_file, unset, environ)
    yield from agent_checks.lockdown(config, status)
    url, ca_file = config.collector.url, config.collector.ca_file
    unset = "[collector] url is not set"
    yield service_checks.reachable("collector", url, ca_file, unset, environ)
    yield agent_checks.collector(config, status)
    yield machine_checks.clock()
    yield from machine_checks.disks(config)
    yield agent_checks.leftovers(config, status)
    yield from agent_checks.degraded(status)
