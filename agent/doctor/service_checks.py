"""What the agent talks to: engine, registry, collector, systemd; each asked once, briefly."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from agent.adapters.docker_engine import DockerEngine
from agent.config import Config
from agent.doctor.result import Result, failed, ok, skipped, warning
from agent.errors import EngineUnavailable
from agent.ports import EngineInfo
from core.network.web_address import without_secrets
from core.network.web_client import WebClient
from core.network.web_errors import WebFailed, WebUntrusted

OLDEST, NEWEST = (20, 10), (28, 99)  # tested: docs/operating.md
_SECONDS = 5.0
_UNIT = "dockwarden.service"


def engine(config: Config) -> tuple[Result, EngineInfo | None]:
    """Whether it answers, and is of a version that was tested."""
    asked = DockerEngine(config.engine.socket, timeout=config.engine.timeout_seconds)
    try:
        info = asked.info()
    except EngineUnavailable as error:
        fix = error.hint or "systemctl status docker; is [engine] socket right?"
        return failed("engine", error.message, fix), None
    found = re.match(r"(\d+)\.(\d+)", info.version)
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    words = (
        f"Docker Engine {info.version}, {info.cgroup_driver} driver, cgroup v{info.cgroup_version}"
    )
    if version < OLDEST:
        return failed("engine", words, "use Docker Engine 20.10 or later"), info
    if version > NEWEST:
        fix = "20.10 to 28 are tested; run `dockwarden selftest` before you rely on it"
        return warning("engine", words, fix), info
    return ok("engine", words), info


def reachable(
    check: str, url: str, ca_file: str, unset: str, environ: Mapping[str, str], seconds: float = 5.0
) -> Result:
    """Whether somebody answers there, with TLS and its certificate where the URL asks for it, by
    the route that `environ` gives the agent."""
    if not url:
        return skipped(check, unset)
    try:
        route = WebClient(ca_file=ca_file, environ=environ).probe(url, seconds)
    except WebUntrusted as error:
        fix = "give its certificate authority in ca_file, or correct its certificate"
        return failed(check, error.message, fix)
    except WebFailed as error:
        fix = "check its name, the route and firewalls between; [egress] allow if it is proxied"
        return failed(check, error.message, error.hint or fix)
    return ok(check, f"{without_secrets(url)} answers, reached {route}")


def service_environment() -> Mapping[str, str]:
    """The running service's variables, since a shell's may name another proxy; this process's
    where no service runs or its variables cannot be read."""
    pid = _systemctl("show", "--property=MainPID", "--value") if _booted() else ""
    return environment_of(pid) or os.environ


def environment_of(pid: str) -> Mapping[str, str]:
    """The variables that a process was started with; none if they cannot be read."""
    try:
        text = Path("/proc", pid, "environ").read_bytes() if pid.isdecimal() else b""
    except OSError:
        return {}
    pairs = (os.fsdecode(pair).partition("=") for pair in text.split(b"\0"))
    return {name: value for name, found, value in pairs if found}


def unit() -> Result:
    """Whether systemd runs it, and will after a boot."""
    if not _booted():
        return skipped("systemd unit", "this machine was not booted with systemd")
    active, enabled = _systemctl("is-active"), _systemctl("is-enabled")
    found = f"{active}, {enabled}"
    if active != "active":
        fix = "sudo systemctl enable --now dockwarden; journalctl -u dockwarden says why it ended"
        return failed("systemd unit", found, fix)
    if enabled != "enabled":
        fix = "sudo systemctl enable dockwarden, or dockwarden does not run after a boot"
        return warning("systemd unit", found, fix)
    return ok("systemd unit", found)


def _booted() -> bool:
    return shutil.which("systemctl") is not None and Path("/run/systemd/system").is_dir()


def _systemctl(*question: str) -> str:
    try:
        done = subprocess.run(
            ["systemctl", *question, _UNIT],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"unknown ({error})"
    return done.stdout.strip() or "unknown"
