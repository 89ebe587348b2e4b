"""`dockwarden status`: how the running agent is doing, from its control socket."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from agent.cli.lists.sync import freshness
from agent.cli.options import CALL_SECONDS, config_option, control_socket, output_option
from agent.cli.output import emit_facts, local_time, section
from core.terminal.printing import FOUND, cell, counted, emit_json

StatusFields = Mapping[str, Any]


@click.command()
@config_option
@output_option
@click.pass_context
def status(ctx: click.Context, config_file: Path | None, output: str) -> None:
    """Show the state of the running agent.

    The output has its mode, engine, allowlist, gate, circuit breaker, lockdown and counts.

    Exits with 3 when the agent is degraded, and says why.

    \b
    Examples:
      sudo dockwarden status
      sudo dockwarden status -o json | jq .allowlist.sequence
    """
    from agent.adapters.control_socket import call

    answer = call(control_socket(config_file), "status", {}, CALL_SECONDS)
    if output == "json":
        emit_json(answer)
    else:
        emit_facts(_facts(answer))
    if answer.get("degraded"):
        ctx.exit(FOUND)


def _facts(answer: StatusFields) -> list[tuple[str, str]]:
    reasons = answer.get("degraded") or []
    layers = answer.get("lockdown") or []
    sinks = answer.get("sinks") or []
    return [
        ("dockwarden", f"{cell(answer.get('version'))}, {cell(answer.get('mode'))} mode"),
        ("since", local_time(answer.get("since"))),
        ("engine", _engine(section(answer, "engine"))),
        ("allowlist", _allowlist(section(answer, "allowlist"))),
        ("", cell(error) if (error := section(answer, "allowlist").get("error")) else ""),
        ("", _freshness(section(answer, "allowlist"))),
        ("", _last_sync(section(answer, "allowlist"))),
        ("configuration", _configuration(section(answer, "configuration"))),
        ("gate", _gate(section(answer, "gate"))),
        ("circuit breaker", _circuit_breaker(section(answer, "circuit_breaker"))),
        ("break-glass", _break_glass(section(answer, "break_glass"))),
        *[("lockdown" if n == 0 else "", line) for n, line in enumerate(_lockdown(layers))],
        ("containers", _containers(section(answer, "containers"))),
        ("findings", _findings(section(answer, "findings"))),
        ("collector", _uplink(section(answer, "uplink"))),
        *[("sinks" if n == 0 else "", _sink(each)) for n, each in enumerate(sinks)],
        ("memory", f"{answer.get('rss_mib')} MiB" if answer.get("rss_mib") else ""),
        *[("degraded" if n == 0 else "", cell(reason)) for n, reason in enumerate(reasons)],
    ]


def _engine(engine: StatusFields) -> str:
    if not engine.get("connected"):
        return "does not answer"
    store = "containerd" if engine.get("containerd_store") else "classic"
    return (
        f"{cell(engine.get('version'))}, cgroup v{cell(engine.get('cgroup_version'))}"
        f" ({cell(engine.get('cgroup_driver'))}), {store} image store"
    )


def _allowlist(allowlist: StatusFields) -> str:
    if allowlist.get("sequence") is None:
        return "none is trusted yet"
    signed = "signed" if allowlist.get("signed") else "unsigned"
    origin = cell(allowlist.get("source") or allowlist.get("origin")).removesuffix(f", {signed}")
    return (
        f"sequence {allowlist['sequence']}, {counted(allowlist.get('approvals'), 'approval')},"
        f" {signed}, loaded {local_time(allowlist.get('loaded_at'))}, from {origin}"
    )


def _freshness(allowlist: StatusFields) -> str:
    return freshness(allowlist) if allowlist.get("signed") else ""


def _last_sync(allowlist: StatusFields) -> str:
    if "synced_at" not in allowlist:
        return ""
    at = allowlist.get("synced_at")
    text = f"last sync {local_time(at)}" if at else "not synced since the agent's start"
    error = allowlist.get("sync_error")
    return f"{text}; since then: {cell(error)}" if error else text


def _break_glass(break_glass: StatusFields) -> str:
    if not break_glass.get("active"):
        return ""
    return (
        f"IN FORCE until {local_time(break_glass.get('ends_at'))},"
        f" by {cell(break_glass.get('issued_by'))}:"
        f" {cell(break_glass.get('reason'))}; nothing is killed, stopped or paused"
    )


def _configuration(configuration: StatusFields) -> str:
    if configuration.get("error"):
        return "the changed files were refused, see degraded; the old configuration stays in force"
    waiting = configuration.get("needs_restart") or []
    return f"changed but needs a restart: {', '.join(map(cell, waiting))}" if waiting else ""


def _gate(gate: StatusFields) -> str:
    if gate.get("working"):
        return "working"
    return f"not working: {cell(gate.get('reason'))}"


def _circuit_breaker(circuit_breaker: StatusFields) -> str:
    if not circuit_breaker.get("open"):
        return "closed"
    since = f" since {local_time(circuit_breaker['since'])}" if circuit_breaker.get("since") else ""
    return f"OPEN{since}; once you know why: sudo dockwarden circuit-breaker reset"


def _lockdown(layers: Sequence[StatusFields]) -> list[str]:
    """One line a layer, and one for each thing that is not as it should be."""
    lines = []
    for layer in layers:
        name, drift = cell(layer.get("layer")), layer.get("drift") or []
        healed = f", healed {counted(layer['healed'], 'time')}" if layer.get("healed") else ""
        what = "left alone" if layer.get("left_alone") else "restored each time"
        fought = f", {what}: another tool keeps reverting it" if layer.get("conflict") else ""
        state = "in place" if layer.get("in_place") else "not in place"
        lines.append(f"{name} {state}{healed}{fought}")
        lines += [f"{name}: {cell(words)}" for words in (layer.get("error"), *drift) if words]
        lines += [f"{name}: note: {cell(words)}" for words in layer.get("notes") or []]
    return lines


def _containers(containers: StatusFields) -> str:
    verdicts = section(containers, "by_verdict")
    counts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()) if count)
    return f"{cell(containers.get('running'))} running" + (f": {counts}" if counts else "")


def _findings(findings: StatusFields) -> str:
    last = findings.get("last")
    told = counted(findings.get("violations"), "violation")
    told += f", {counted(findings.get('alarms'), 'alarm')} since the start"
    return told + (f", the last violation {local_time(last)}" if last else "")


def _uplink(uplink: StatusFields) -> str:
    if not uplink:
        return ""
    state = "refuses this host's reports" if uplink.get("refused") else "not reached"
    if not uplink.get("error"):
        last = uplink.get("delivered_at")
        state = f"reports arrive, the last {local_time(last)}" if last else "nothing sent yet"
    told = f"{cell(uplink.get('url'))}: {state}; {counted(uplink.get('waiting'), 'record')} waiting"
    for name in ("dropped", "quarantined"):
        told += f", {uplink[name]} {name}" if uplink.get(name) else ""
    return told


def _sink(sink: StatusFields) -> str:
    counts = ", ".join(
        f"{sink.get(n)} {n}" for n in ("waiting", "dropped", "refused") if sink.get(n)
    )
    error = sink.get("error")
    told = f"{cell(sink.get('name'))}: {counted(sink.get('sent'), 'finding')} sent"
    return told + (f", {counts}" if counts else "") + (f"; {cell(error)}" if error else "")
