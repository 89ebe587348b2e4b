"""What the agent talks to: engine, registry, collector, systemd; each asked once, briefly."""

import re
import shutil
import socket
import ssl
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from agent.adapters.docker_engine import DockerEngine
from agent.config import Config
from agent.doctor.result import Result, failed, ok, skipped, warning
from agent.errors import EngineUnavailable
from agent.ports import EngineInfo

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


def reachable(check: str, url: str, ca_file: str, unset: str) -> Result:
    """Whether somebody answers there, with TLS and its certificate where the URL asks for it."""
    if not url:
        return skipped(check, unset)
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    where = f"{host}:{port}"
    try:
        with socket.create_connection((host, port), _SECONDS) as plain:
            if parts.scheme == "https":
                context = ssl.create_default_context(cafile=ca_file or None)
                with context.wrap_socket(plain, server_hostname=host):
                    pass
    except ssl.SSLError as error:
        fix = "give its certificate authority in ca_file, or correct its certificate"
        return failed(check, f"{where}: {error.reason or error}", fix)
    except OSError as error:
        fix = "check its name, the route and firewalls between; [egress] allow if it is proxied"
        return failed(check, f"{where}: {error.strerror or error}", fix)
    return ok(check, f"{where} answers")


def unit() -> Result:
    """Whether systemd runs it, and will after a boot."""
    if shutil.which("systemctl") is None or not Path("/run/systemd/system").is_dir():
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


def _systemctl(question: str) -> str:
    try:
        done = subprocess.run(
            ["systemctl", question, _UNIT],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"unknown ({error})"
    return done.stdout.strip() or "unknown"
