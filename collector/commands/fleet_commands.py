"""hosts, violations: the fleet at a terminal; prints, decides nothing."""

import sys
from dataclasses import asdict

import click

from collector import collector_clock
from collector.commands.common import Called, json_option, opened
from core.terminal.printing import emit_json, emit_table


@click.command()
@click.option(
    "--status", type=click.Choice(["online", "degraded", "offline", "missing"]),
    help="List only hosts of this status.",
)  # fmt: skip
@json_option
@click.pass_obj
def hosts(called: Called, status: str | None, as_json: bool) -> None:
    """List all hosts with their status; exit code 3 if any is not online."""
    from collector.model.page_values import HostFilter, HostRow, HostStatus
    from collector.store.views.fleet import FleetReader

    criteria = HostFilter(status=HostStatus(status) if status else None)
    found: list[HostRow] = []
    with opened(called) as database:
        after = ""
        while True:
            page = FleetReader(database).hosts(criteria, collector_clock.now(), after, 1000)
            found += page.rows
            after = page.after
            if not after:
                break
    if as_json:
        emit_json([asdict(row) for row in found])
    else:
        emit_table(
            ("HOST", "STATUS", "SCOPE", "LAST SEEN", "ID", "WHY"),
            [
                (r.name, str(r.status), r.scope,
                 f"{r.last_seen:%Y-%m-%d %H:%M}Z" if r.last_seen else "never", r.id,
                 "; ".join(r.reasons))
                for r in found
            ],
        )  # fmt: skip
    if any(row.status is not HostStatus.ONLINE for row in found):
        sys.exit(3)


@click.command()
@click.option("--last", type=click.IntRange(1, 1000), default=20, show_default=True,
              help="How many to list, latest first.")  # fmt: skip
@json_option
@click.pass_obj
def violations(called: Called, last: int, as_json: bool) -> None:
    """List what ran, or tried to run, without approval, on all hosts."""
    from collector.model.page_values import FindingFilter
    from collector.store.views.fleet import FleetReader

    with opened(called) as database:
        found = FleetReader(database).findings(FindingFilter(), limit=last).rows
    if as_json:
        emit_json([asdict(row) for row in found])
        return
    emit_table(
        ("AT", "HOST", "CONTAINER", "IMAGE", "VERDICT", "ACTION", "RAN", "COUNT"),
        [
            (f"{r.at:%Y-%m-%d %H:%M:%S}Z", r.host_name, r.container, r.reference, r.verdict,
             r.action, "unknown" if r.ran_ms is None else f"{r.ran_ms:.0f} ms", str(r.occurrences))
            for r in found
        ],
    )  # fmt: skip
