"""The machine itself: kernel, cgroups, clock, disks, permissions; knows no agent and no engine."""

import ctypes
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from agent.config import Config
from agent.doctor.result import Result, failed, ok, skipped, warning
from agent.helpers.gate.mounts import locate

FREEZER_KERNEL = (5, 2)  # cgroup v2's cgroup.freeze (kernel documentation, cgroup-v2.rst)
_UNSYNCHRONIZED = 5  # TIME_ERROR, adjtimex(2)
_LEAST_BYTES = 100_000_000
_LEAST_SHARE = 0.05


def kernel(release: str, cgroup_version: str) -> Result:
    """The freezer of cgroup v2 came with Linux 5.2; v1's has always been there."""
    found = re.match(r"(\d+)\.(\d+)", release)
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    if cgroup_version == "2" and version < FREEZER_KERNEL:
        return failed("kernel", f"{release} has no cgroup.freeze", "use Linux 5.2 or later")
    return ok("kernel", release)


def cgroups(config: Config, engine_version: str) -> tuple[Result, str]:
    """Whether a hierarchy that freezes is mounted and can be written; with it its version."""
    try:
        version, mount = locate(engine_version)
    except LookupError as error:
        return failed("cgroup", str(error), "mount cgroup2, or the v1 freezer controller"), ""
    name = "cgroup v2" if version == "2" else "cgroup v1 freezer"
    if not os.access(mount, os.W_OK):
        fix = f"run as root; a service needs write access below {mount}"
        return failed("cgroup", f"{name} at {mount} cannot be written", fix), version
    missing = [r for r in config.gate.roots if not Path(mount, r.strip("/")).is_dir()]
    if missing:
        fix = 'correct [gate] roots; "/" means the whole tree'
        return failed("cgroup", f"{name}: there is no {', '.join(missing)}", fix), version
    return ok("cgroup", f"{name} at {mount}"), version


def clock() -> Result:
    """Approvals and lists end by the clock; the kernel knows whether somebody keeps it right."""
    libc = ctypes.CDLL(None, use_errno=True)
    state = libc.adjtimex(ctypes.create_string_buffer(256))  # modes 0: only asks
    if state < 0:
        return skipped("clock", "the kernel does not say whether it is synchronized")
    if state == _UNSYNCHRONIZED:
        fix = "run a time service: apt install systemd-timesyncd, or chrony"
        return warning("clock", "it is not synchronized: approvals end by this clock", fix)
    return ok("clock", "synchronized")


def disks(config: Config) -> Iterator[Result]:
    """Room for the state and for findings."""
    findings = str(Path(config.reports.file).parent)
    for check, folder in (("state disk", config.agent.state_dir), ("findings disk", findings)):
        there = next(p for p in (Path(folder), *Path(folder).parents) if p.exists())
        try:
            usage = shutil.disk_usage(there)
        except OSError as error:
            yield failed(check, f"{folder}: {error.strerror}", "mount it, or name another folder")
            continue
        found = f"{folder}: {usage.free / 1e9:.1f} GB free"
        if usage.free < _LEAST_BYTES:
            yield failed(check, found, "make room: findings and the last list cannot be stored")
        elif usage.free / usage.total < _LEAST_SHARE:
            yield warning(check, found, "make room soon")
        else:
            yield ok(check, found)


def permissions(config: Config, files: tuple[str, ...]) -> Result:
    """Who can write what decides over this host; only root may."""
    if os.geteuid() != 0:
        return skipped("permissions", "only root can check this", "sudo dockwarden doctor")
    paths = [*files, *(str(Path(file).parent) for file in files), config.agent.state_dir]
    paths += [] if config.allowlist.signed else [config.allowlist.path]
    wrong = []
    for path in dict.fromkeys(paths):
        try:
            status = Path(path).stat()
        except OSError:
            continue  # what must exist is another check's business
        if status.st_uid != 0 or status.st_mode & 0o022:
            wrong.append(path)
    if wrong:
        fix = f"chown root: {' '.join(wrong)}; chmod go-w {' '.join(wrong)}"
        return failed("permissions", f"users other than root may write {', '.join(wrong)}", fix)
    return ok("permissions", "only root can write configuration, list and state")
