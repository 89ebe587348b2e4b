"""`policy lint|explain|test` and `evidence …`, over a real workspace with stored evidence."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.image.digest import Digest
from registrar.evidence.evidence_store import FOLDER, EvidenceStore
from registrar.evidence.evidence_values import Severity
from tests.evaluation.evaluation_world import GRYPE, TRIVY, flaw, image, scan
from tests.registrar.admin_folder import AdminFolder

TWO = "format: 1\nscanners: {independent_engines: 2}\n"


@pytest.fixture
def folder(tmp_path: Path) -> AdminFolder:
    """Two images: one that two engines looked at, one that only one did."""
    made = AdminFolder(tmp_path)
    store = EvidenceStore(made.path / FOLDER)
    report = store.add_report(b"raw")
    critical = flaw("CVE-2020-1", Severity.CRITICAL)
    store.add(image(replace(scan(TRIVY, critical), report=report), scan(GRYPE)))
    single = replace(image(scan(TRIVY)), id=Digest.of(b"single"), repository="ghcr.io/acme/web")
    store.add(single)
    return made


@pytest.fixture
def policy(folder: AdminFolder) -> Callable[[str, str], Path]:
    """Writes a scope's policy."""

    def write(scope: str, text: str) -> Path:
        path = folder.path / "scopes" / scope / "policy.yaml"
        path.write_text(text)
        return path

    return write


def test_a_policy_is_tried_on_stored_evidence(
    folder: AdminFolder, policy: Callable[[str, str], Path], tmp_path: Path
) -> None:
    policy("acme", "format: 1\n")
    new = tmp_path / "new.yaml"
    new.write_text(TWO + "vulnerabilities: {block: {critical: {}}}\n")
    out = folder.fine("policy", "test", "--scope", "acme.pay", "--policy", new)
    lines = out.splitlines()
    assert lines[0].split() == ["IMAGE", "WAS", "WOULD", "BE", "WHY"]
    assert lines[1].split()[1:3] == ["PASS", "FAIL"]
    assert "CVE-2020-1 in openssl 3.0.1 (linux/amd64) is critical" in lines[1]
    assert lines[2].split()[1:3] == ["PASS", "INCONCLUSIVE"]
    assert "the policy wants 2" in lines[2]
    assert lines[3] == "2 images evaluated; 2 would change."
    rows = folder.json("policy", "test", "--scope", "acme.pay", "--policy", new)
    assert [(row["was"], row["would_be"]) for row in rows] == [
        ("PASS", "FAIL"),
        ("PASS", "INCONCLUSIVE"),
    ]
    assert folder.fine("policy", "test", "--scope", "acme").endswith("0 would change.\n")


def test_a_waiver_is_shown_with_its_author(
    folder: AdminFolder, policy: Callable[[str, str], Path]
) -> None:
    policy(
        "acme",
        "format: 1\nvulnerabilities: {block: {critical: {}}}\nwaivers:\n"
        "- {vulnerability: CVE-2020-1, by: cid, reason: not reachable, until: 9998-01-01}\n",
    )
    rows = folder.json("policy", "test", "--scope", "acme")
    assert rows[0]["was"] == "PASS"
    assert rows[0]["lifted"][0]["by"] == "cid"


def test_lint_and_explain_name_the_scope(
    folder: AdminFolder, policy: Callable[[str, str], Path]
) -> None:
    policy("acme", TWO)
    assert folder.fine("policy", "lint") == "1 policy.yaml file checked; nothing is wrong.\n"
    rows = folder.json("policy", "explain", "--scope", "acme.pay")
    assert {"key": "scanners.independent_engines", "value": "2", "set_by": "acme"} in rows
    policy("acme.pay", "format: 1\nscanners: {independent_engines: 1}\n")
    ran = folder.run("policy", "lint")
    assert ran.code == 3
    assert "scopes/acme.pay/policy.yaml, line 2: scanners.independent_engines is 1" in ran.out
    ran = folder.run("policy", "explain", "--scope", "acme.pay")
    assert ran.code == 1
    assert "demands less than 2 of acme" in ran.err


def test_evidence_is_listed_shown_exported_and_verified(
    folder: AdminFolder, tmp_path: Path
) -> None:
    first, _ = folder.json("evidence", "list")
    assert first["scanners"] == ["grype", "trivy"]
    assert "docker.io/library/nginx" in folder.fine("evidence", "list")
    shown = folder.fine("evidence", "show", first["image"])
    assert first["evidence"] in shown
    assert folder.json("evidence", "show", first["evidence"])["repository"] == first["repository"]
    folder.fine("evidence", "export", first["evidence"], "--to", tmp_path / "out")
    exported = ("evidence", "verify", "--folder", tmp_path / "out")
    assert folder.fine(*exported) == "1 file of evidence checked; none was changed.\n"
    (report,) = (tmp_path / "out").rglob("*.report")
    report.write_bytes(b"edited")
    ran = folder.run(*exported)
    assert ran.code == 3
    assert "its content was changed" in ran.out
    assert folder.fine("evidence", "verify") == "2 files of evidence checked; none was changed.\n"
