"""Proves on this host that enforcement works, harmlessly: nothing is believed, all is tried.

Starts one container of an image that was made up for it, and takes both away again.
"""

import os
import platform
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from agent.adapters.findings_file import read
from agent.config import Config
from agent.doctor import agent_checks
from agent.doctor.agent_checks import Status
from agent.doctor.result import Result, State, failed, ok, skipped, warning
from agent.doctor.selftest_engine import SelftestEngine
from agent.doctor.selftest_image import ARCHITECTURES, EXIT_CODE, PROOF, RAN, archive
from agent.errors import EngineUnavailable

_PATIENCE = 60.0  # s, for what takes milliseconds where it works
_CONNECT_SECONDS = 5.0
_STEP = 0.05


def selftest(config: Config) -> Iterator[Result]:
    """One result after the other."""
    agent, status = agent_checks.agent(config)
    yield agent
    if not status:
        return
    engine = SelftestEngine(config.engine.socket)
    yield agent_checks.allowlist(status)
    yield _mirror(config, engine)
    yield _egress(config, status)
    name = f"dockwarden-selftest-{os.urandom(4).hex()}"
    stopped = _stopped(config, engine, status, name)
    yield stopped
    if stopped.state is State.OK:  # else nothing may have been started that could be recorded
        yield _recorded(config, name)
        yield _delivered(config)


def _mirror(config: Config, engine: SelftestEngine) -> Result:
    """The engine itself is asked, not its file."""
    mirror = config.registry.mirror
    if not mirror:
        return skipped("mirror", "[registry] mirror is not set")
    try:
        used = (engine.info().get("RegistryConfig") or {}).get("Mirrors") or []
    except EngineUnavailable as error:
        return failed("mirror", error.message, "systemctl status docker")
    if [each.rstrip("/") for each in used] == [mirror.rstrip("/")]:
        return ok("mirror", f"the engine pulls from {mirror} alone")
    found = f"the engine pulls from {', '.join(used) or 'public registries'}"
    if config.agent.mode == "observe":
        return warning("mirror", found, 'mode = "enforce" sets it')
    return failed("mirror", found, "sudo dockwarden plan shows what differs")


def _egress(config: Config, status: Status) -> Result:
    """A public registry is called. That it cannot be reached does not say who refused it: so the
    firewall must be in place as well."""
    if not config.registry.mirror or "firewall" not in config.lockdown.layers:
        return skipped("egress", "the firewall is not configured")
    if config.agent.mode == "observe":
        return skipped("egress", "in observe mode nothing is blocked")
    rows = {row.get("layer"): row for row in status.get("lockdown") or []}
    if not (rows.get("firewall") or {}).get("in_place"):
        return failed("egress", "the firewall is not in place", "sudo dockwarden plan")
    for name in config.egress.known_registries:
        try:
            address = socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM)[0]
        except OSError:
            continue
        try:
            with socket.socket(address[0], socket.SOCK_STREAM) as calling:
                calling.settimeout(_CONNECT_SECONDS)
                calling.connect(address[4])
        except TimeoutError:
            return warning("egress", f"{name} did not answer; nobody refused it", "try again")
        except OSError as error:
            return ok("egress", f"{name} is refused: {error.strerror}")
        fix = "sudo dockwarden plan; sudo nft list table inet dockwarden"
        return failed("egress", f"{name} can be reached from this host", fix)
    return skipped("egress", "no public registry's name can be resolved here")


def _stopped(config: Config, engine: SelftestEngine, status: Status, name: str) -> Result:
    check = "unlisted image"
    architecture = ARCHITECTURES.get(platform.machine())
    if architecture is None:
        return skipped(check, f"no program was written for {platform.machine()}")
    if status.get("mode") != "enforce":
        return skipped(check, "in observe mode nothing is stopped")
    try:
        folder = Path(tempfile.mkdtemp(prefix="selftest-", dir=config.agent.state_dir))
    except OSError as error:
        found = f"{config.agent.state_dir}: {error.strerror}"
        return failed(check, found, "run it as root; [agent] state_dir must be there")
    image, container_id = f"{name}:1", ""
    try:
        folder.chmod(0o777)  # also for a remapped root; the folder above keeps others out
        engine.load(archive(image, architecture, os.urandom(16)))
        container_id = engine.create(name, image, f"{folder}:{PROOF}")
        engine.start(container_id)
        return _verdict(check, engine, container_id, folder / RAN)
    except EngineUnavailable as error:
        return failed(check, error.message, "sudo dockwarden doctor")
    finally:
        _take_away(engine, container_id, image)
        shutil.rmtree(folder, ignore_errors=True)


def _verdict(check: str, engine: SelftestEngine, container_id: str, proof: Path) -> Result:
    """Whether it is over, and what the program itself left behind."""
    over = _until(lambda: proof.exists() or _is_over(engine, container_id))
    state = engine.state(container_id) or {}
    if proof.exists() or state.get("ExitCode") == EXIT_CODE:
        fix = "sudo dockwarden status; sudo dockwarden doctor; docs/operating.md, status"
        return failed(check, "an image that nobody approved RAN on this host", fix)
    if not over:
        fix = "sudo dockwarden status: see the gate and the reasons for degraded"
        return failed(check, f"it was still there after {_PATIENCE:g} s", fix)
    return ok(check, "stopped before its first instruction")


def _is_over(engine: SelftestEngine, container_id: str) -> bool:
    state = engine.state(container_id)
    return state is None or state.get("Status") in ("exited", "dead", "removing")


def _take_away(engine: SelftestEngine, container_id: str, image: str) -> None:
    try:
        engine.remove(container_id, image)
    except EngineUnavailable:  # said by what came before; its name reports what it is
        return


def _recorded(config: Config, name: str) -> Result:
    def found() -> bool:
        return any(
            (record.get("container") or {}).get("name") == name
            for record in read(config.reports.file)
        )

    if _until(found):
        return ok("finding", "recorded on this host")
    fix = f"room and rights on {config.reports.file}"
    return failed("finding", f"none was recorded within {_PATIENCE:g} s", fix)


def _delivered(config: Config) -> Result:
    """All that waited is taken, so this finding is too."""
    if not config.collector.url:
        return skipped("report", "[collector] url is not set")

    def delivered() -> bool:
        uplink = agent_checks.agent(config)[1].get("uplink") or {}
        return bool(uplink.get("delivered_at")) and not (
            uplink.get("error") or uplink.get("waiting")
        )

    if _until(delivered):
        return ok("report", "the collector has received it")
    return failed("report", f"not delivered within {_PATIENCE:g} s", "sudo dockwarden status")


def _until(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + _PATIENCE
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(_STEP)
    return True
