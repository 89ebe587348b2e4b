"""What the running agent says of itself, and what a former one left behind."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from agent.adapters.control_socket import call
from agent.config import Config
from agent.doctor.result import Result, failed, ok, skipped, warning
from agent.helpers.firewall.library import LibraryMissing, load
from core.base_errors import DockwardenError

_SECONDS = 10.0
_NOT_ASKED = "no agent to ask"
Status = Mapping[str, Any]


def agent(config: Config) -> tuple[Result, Status]:
    """Whether it runs, in which mode, by the configuration in the files."""
    try:
        status: Status = call(config.control.socket, "status", {}, _SECONDS)
    except DockwardenError as error:
        fix = error.hint or "sudo systemctl start dockwarden"
        return failed("agent", error.message, fix), {}
    found = f"{status.get('version')}, {status.get('mode')} mode"
    configuration = status.get("configuration") or {}
    if configuration.get("error"):
        fix = "correct what `dockwarden config validate` names, then: dockwarden reload"
        return failed("agent", f"{found}, by an older configuration", fix), status
    if waiting := configuration.get("needs_restart"):
        fix = "sudo systemctl restart dockwarden"
        return warning("agent", f"{found}; waits for a restart: {', '.join(waiting)}", fix), status
    if status.get("mode") != config.agent.mode:
        return warning(
            "agent", f"{found}, configured: {config.agent.mode}", "dockwarden reload"
        ), status
    return ok("agent", found), status


def gate(status: Status) -> Result:
    """Whether what starts can be held."""
    if not status:
        return skipped("gate", _NOT_ASKED)
    told = status.get("gate") or {}
    if not told.get("working"):
        fix = "see the line of this reason in docs/operating.md, what `status` says"
        return failed("gate", str(told.get("reason") or "it does not work"), fix)
    return ok("gate", "working")


def allowlist(status: Status) -> Result:
    """Whether there is a trusted one, and whether it is fresh."""
    if not status:
        return skipped("allowlist", _NOT_ASKED, "dockwarden allowlist show")
    told = status.get("allowlist") or {}
    if told.get("sequence") is None:
        fix = "write or publish the first list; until then nothing is stopped"
        return failed("allowlist", told.get("error") or "none is trusted yet", fix)
    found = f"sequence {told['sequence']}, {told.get('freshness')}"
    if error := told.get("error") or told.get("sync_error"):
        return warning("allowlist", f"{found}; a newer one: {error}", "correct what it names")
    if told.get("freshness") not in ("fresh", "unsigned"):
        return failed("allowlist", found, "publish its timestamp again; dockwarden sync --wait")
    return ok("allowlist", found)


def lockdown(config: Config, status: Status) -> Iterator[Result]:
    """The layers, and the library that the firewall needs."""
    if not config.registry.mirror:
        yield skipped("lockdown", "[registry] mirror is not set: nothing is locked down")
        return
    if "firewall" in config.lockdown.layers:
        try:
            load()
            yield ok("nftables", "python3-nftables is there")
        except LibraryMissing as error:
            yield failed("nftables", str(error), "sudo apt install python3-nftables")
    if not status:
        yield skipped("lockdown", _NOT_ASKED, "dockwarden plan")
    for row in status.get("lockdown") or []:
        name = f"lockdown {row.get('layer')}"
        wrong = [words for words in (row.get("error"), *(row.get("drift") or [])) if words]
        if row.get("in_place"):
            yield ok(name, "in place")
        elif status.get("mode") == "observe":
            yield warning(
                name, "not in place: " + "; ".join(wrong), 'mode = "enforce" puts it in place'
            )
        else:
            yield failed(
                name,
                "; ".join(wrong) or "not in place",
                "dockwarden plan shows the whole difference",
            )


def collector(config: Config, status: Status) -> Result:
    """Whether reports arrive."""
    if not config.collector.url:
        return skipped("reports", "[collector] url is not set: reports stay on this host")
    told = status.get("uplink")
    if not told:
        return skipped("reports", _NOT_ASKED)
    if told.get("error"):
        fix = "sudo dockwarden enrol, if the host is refused; else see the check `collector`"
        return failed("reports", f"{told['error']}; {told.get('waiting')} waiting", fix)
    return ok("reports", f"they arrive; {told.get('waiting')} waiting")


def degraded(status: Status) -> Iterator[Result]:
    """Whatever else the agent says of itself."""
    for reason in status.get("degraded") or []:
        yield failed("degraded", str(reason), "docs/operating.md, what `status` says")


def leftovers(config: Config, status: Status) -> Result:
    """What an agent that is gone has left."""
    found, fixes = [], []
    backup = Path(config.lockdown.backup_dir)
    if not config.registry.mirror and backup.is_dir() and any(backup.iterdir()):
        found.append(f"the lockdown's backup in {backup}, though no mirror is set")
        fixes.append("sudo dockwarden restore")
    if not status and Path(config.control.socket).exists():
        found.append(f"the socket {config.control.socket} of an agent that is gone")
        fixes.append("sudo systemctl start dockwarden")
    if found:
        return warning("leftovers", "; ".join(found), "; ".join(fixes))
    return ok("leftovers", "none")
