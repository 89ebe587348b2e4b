"""`policy.yaml`: every key reads, every mistake names its line, and no child loosens."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from core.image.digest import Digest
from registrar.evaluation.approval_policy import ApprovalPolicy
from registrar.evaluation.policy_chain import PolicyLoosens, policy_of
from registrar.evaluation.policy_yaml import PolicyInvalid, read_policy
from registrar.evaluation.severity_limit import SeverityLimit
from registrar.evidence.evidence_values import Severity

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "core/schemas/approval-policy-1.schema.json").read_text())
REFERENCE = ROOT / "docs" / "reference" / "approval-policy.md"
FULL = f"""format: 1
scanners:
  required: [trivy, debsecan]
  independent_engines: 2
  database_max_age_days: 2
  review_disagreement: true
vulnerabilities:
  block:
    critical: {{after_days: 0}}
    high: {{after_days: 30, only_fixable: true}}
  block_exploited: true
  severity_sources: [nvd, debian]
licences:
  allow: [MIT, Apache-2.0]
  deny: [AGPL-3.0-only]
  commercial: [LicenseRef-oracle]
  trust_os_packages: false
maintenance:
  supported_system: true
  image_max_age_days: 180
  upstream_max_age_days: 365
  allow_bases: ["{Digest.of(b"base")}"]
  allow_repositories: ["docker.io/library/*"]
  deny_repositories: ["docker.io/library/evil"]
configuration:
  forbid_root: true
  forbid_secrets: true
  allow_setuid: [/bin/su]
approval:
  signed_by: [upstream]
  max_days: 90
waivers:
  - vulnerability: CVE-2027-1
    package: openssl
    by: cid
    reason: not reachable
    until: 2027-06-30
"""


class _Words(yaml.SafeLoader):
    """Days stay text, as JSON has no dates."""


_Words.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if not tag.endswith("timestamp")]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _follows_schema(text: str) -> bool:
    found = yaml.load(text, Loader=_Words)  # a SafeLoader
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(found)


def test_every_key_reads() -> None:
    file = read_policy(FULL.encode(), "p.yaml")
    policy = file.policy
    assert policy.scanners.required == {"trivy", "debsecan"}
    assert policy.vulnerabilities.block == {
        Severity.CRITICAL: SeverityLimit(),
        Severity.HIGH: SeverityLimit(30, only_fixable=True),
    }
    assert policy.maintenance.allow_bases == frozenset({Digest.of(b"base")})
    assert file.lifts[0].until is not None
    assert file.lifts[0].until.isoformat() == "2027-07-01T00:00:00+00:00"
    assert file.lines["scanners.independent_engines"] == 4
    assert _follows_schema(FULL)
    keys = {
        f"{section}.{key}"
        for section, value in SCHEMA["properties"].items()
        for key in value.get("properties", ())
    }
    assert keys == set(file.lines) - {"waivers"}


def test_the_reference_names_every_key_and_its_example_reads() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    for section, value in SCHEMA["properties"].items():
        for key in value.get("properties", ()):
            assert f"`{section}.{key}`" in text
    example = text.split("```yaml\n")[1].split("```")[0]
    read_policy(example.encode(), "reference")
    assert _follows_schema(example)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "p.yaml: it is empty"),
        ("format: 2", "p.yaml, line 1: format is not 1"),
        ("format: 1\nscaners: {}", "line 2: scaners: this key is unknown (did you mean scanners?)"),
        (
            "format: 1\nscanners:\n  required: [a]\n  required: [b]",
            "line 4: scanners.required: it is there already in line 3",
        ),
        (
            "format: 1\nscanners:\n  independent_engines: 0",
            "line 3: scanners.independent_engines: it is not a whole number from 1 to 20",
        ),
        ("format: 1\nscanners: {independent_engines: '2'}", "it is not a whole number"),
        ("format: 1\nscanners: {database_max_age_days: null}", "it is not a whole number"),
        ("format: 1\nscanners: {required: trivy}", "scanners.required: it is not a list"),
        ("format: 1\nscanners: {required: [[a]]}", "scanners.required: it is not a text"),
        ("format: 1\nscanners: {review_disagreement: yep}", "it is neither true nor false"),
        ("format: 1\nvulnerabilities: {block: {hihg: {}}}", "did you mean high?"),
        ("format: 1\nmaintenance: {allow_bases: [nginx]}", "'nginx' is not a content digest"),
        ("format: 1\nwaivers: [{vulnerability: CVE-1}]", "by is missing"),
        (
            "format: 1\nwaivers: [{vulnerability: a, by: b, reason: c, until: never}]",
            "waivers.until: it is not a day",
        ),
        ("format: 1\n  bad: [", "no YAML"),
        ("[" * 100_000, "no YAML"),
        ("- a", "it is not a table of keys"),
        ("# " + "x" * 300_000, "262144 at most"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(PolicyInvalid) as caught:
        read_policy(text.encode(), "p.yaml")
    assert message in str(caught.value)


def test_a_tag_makes_no_object() -> None:
    text = "format: 1\nscanners: !!python/object/apply:os.system {}"
    assert read_policy(text.encode(), "p.yaml").policy == ApprovalPolicy()


@given(st.binary(max_size=60), st.integers(0, len(FULL)))
def test_garbage_reads_or_is_one_named_error(garbage: bytes, at: int) -> None:
    data = FULL.encode()
    try:
        read_policy(data[:at] + garbage + data[at + len(garbage) :], "p.yaml")
    except PolicyInvalid as error:
        assert str(error).startswith("p.yaml")


def _policy(**files: str) -> ApprovalPolicy:
    texts = {"acme": files["acme"], "acme.pay": files["pay"]}
    return policy_of(
        "acme.pay.web",
        lambda scope: f"format: 1\n{texts[scope]}".encode() if scope in texts else None,
    ).policy


def test_a_child_inherits_and_tightens() -> None:
    policy = _policy(
        acme="scanners: {independent_engines: 2}\nvulnerabilities: {block_exploited: false}",
        pay="scanners: {required: [trivy]}",
    )
    assert policy.scanners.independent_engines == 2
    assert policy.scanners.required == {"trivy"}
    assert not policy.vulnerabilities.block_exploited


@pytest.mark.parametrize(
    ("acme", "pay", "message"),
    [
        (
            "scanners: {independent_engines: 2}",
            "scanners: {independent_engines: 1}",
            "scopes/acme.pay/policy.yaml, line 2: scanners.independent_engines is 1, which "
            "demands less than 2 of acme",
        ),
        (
            "scanners: {required: [trivy]}",
            "scanners: {required: [grype]}",
            "scanners.required is grype, which demands less than trivy of acme",
        ),
        (
            "licences: {allow: [MIT]}",
            "licences: {allow: [MIT, Zlib]}",
            "licences.allow is MIT, Zlib",
        ),
        (
            "vulnerabilities: {block: {high: {after_days: 7}}}",
            "vulnerabilities: {block: {high: {after_days: 9}}}",
            "vulnerabilities.block is high after 9 days",
        ),
        (
            "vulnerabilities: {block: {high: {}}}",
            "vulnerabilities: {block: {high: {only_fixable: true}}}",
            "vulnerabilities.block is high at once if fixable",
        ),
        (
            "vulnerabilities: {severity_sources: [nvd]}",
            "vulnerabilities: {severity_sources: [vendor]}",
            "vulnerabilities.severity_sources is vendor",
        ),
        ("approval: {max_days: 90}", "approval: {max_days: 91}", "approval.max_days is 91"),
        (
            "licences: {trust_os_packages: false}",
            "licences: {trust_os_packages: true}",
            "licences.trust_os_packages is true",
        ),
        (
            "scanners: {}",
            "waivers: [{vulnerability: a, by: b, reason: c, until: 2027-01-01}]",
            "line 2: waivers lift what a scope above demands",
        ),
    ],
)
def test_a_child_that_loosens_is_named(acme: str, pay: str, message: str) -> None:
    with pytest.raises(PolicyLoosens) as caught:
        _policy(acme=acme, pay=pay)
    assert message in str(caught.value)
