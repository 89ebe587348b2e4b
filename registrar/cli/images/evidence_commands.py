"""`evidence`: what is stored about images, shown, exported, and checked against its digests."""

from pathlib import Path

import click

from core.terminal.printing import FOUND, counted, emit_json, emit_table
from registrar.cli.registrar_output import day, output_option, say
from registrar.evidence.evidence_store import (
    FOLDER,
    EvidenceStore,
    StoredEvidence,
    reports_of,
)
from registrar.evidence.evidence_values import PlatformEvidence, ScanResult
from registrar.evidence.value_json import document_of
from registrar.workspace import Workspace


@click.group()
def evidence() -> None:
    """Show what scanners found in images, and prove that nobody changed it."""


@evidence.command(name="list")
@output_option
@click.pass_obj
def list_(path: Path, output: str) -> None:
    """List the newest evidence on every image."""
    stored = list(_store(path).latest())
    if output == "json":
        emit_json([_summary(item) for item in stored])
        return
    rows = [
        (
            s.digest.short,
            s.evidence.repository,
            s.evidence.id.short,
            day(s.evidence.fetched_at),
            ", ".join(_scanners(s)),
        )
        for s in stored
    ]
    emit_table(("evidence", "repository", "image", "fetched", "scanners"), rows)


@evidence.command()
@click.argument("digest")
@output_option
@click.pass_obj
def show(path: Path, digest: str, output: str) -> None:
    """Show one evidence: DIGEST begins its digest, or that of the image."""
    stored = _store(path).find(digest)
    if output == "json":
        emit_json({"digest": str(stored.digest), **document_of(stored.evidence)})
        return
    found = stored.evidence
    say(f"evidence    {stored.digest}")
    say(f"image       {found.repository}@{found.id}")
    say(f"fetched     {found.fetched_at}")
    say(f"signed by   {', '.join(sorted(found.signed_by)) or '-'}")
    for platform in found.platforms:
        _show_platform(platform)


@evidence.command()
@click.argument("digest")
@click.option("--to", "folder", required=True, type=click.Path(path_type=Path), help="A folder.")
@click.pass_obj
def export(path: Path, digest: str, folder: Path) -> None:
    """Copy one evidence and its raw reports into another folder, by their digests."""
    store = _store(path)
    stored = store.find(digest)
    target = EvidenceStore(folder)
    reports = reports_of(stored.evidence)
    for report in reports:
        target.add_report(store.report(report))
    target.add(stored.evidence)
    say(f"{stored.digest} and {counted(len(reports), 'report')} are in {folder}.")


@evidence.command()
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="An exported folder instead of the workspace's own.",
)
@output_option
@click.pass_obj
def verify(path: Path, folder: Path | None, output: str) -> None:
    """Check every file against the digest that it is named after."""
    store = EvidenceStore(folder) if folder else _store(path)
    faults = store.faults()
    if output == "json":
        emit_json([fault.message for fault in faults])
    elif faults:
        for fault in faults:
            say(fault.message)
    else:
        say(f"{counted(len(store.digests()), 'file')} of evidence checked; none was changed.")
    if faults:
        raise SystemExit(FOUND)


def _store(path: Path) -> EvidenceStore:
    return EvidenceStore(Workspace.open(path).path / FOLDER)


def _scanners(stored: StoredEvidence) -> list[str]:
    platforms = stored.evidence.platforms
    return sorted({scan.scanner.name for platform in platforms for scan in platform.scans})


def _summary(stored: StoredEvidence) -> dict[str, object]:
    found = stored.evidence
    return {
        "evidence": str(stored.digest),
        "repository": found.repository,
        "image": str(found.id),
        "fetched_at": document_of(found.fetched_at),
        "scanners": _scanners(stored),
    }


def _show_platform(platform: PlatformEvidence) -> None:
    facts = platform.facts
    system = f"{facts.system.id} {facts.system.version}" if facts.system else "-"
    say(f"{facts.platform}  {facts.manifest}")
    say(f"  built {facts.created_at or '-'}, system {system}, user {facts.user or 'root'}")
    emit_table(
        ("scanner", "engine", "state", "packages", "vulnerabilities", "problems", "why"),
        [_scan_row(scan) for scan in platform.scans],
    )


def _scan_row(scan: ScanResult) -> tuple[object, ...]:
    return (
        f"{scan.scanner.name} {scan.scanner.version}".strip(),
        scan.scanner.engine,
        scan.state,
        scan.packages_seen,
        len(scan.vulnerabilities),
        len(scan.problems),
        "; ".join(scan.reasons),
    )
