"""`policy` as an administrator uses it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.registrar.admin_folder import AdminFolder
from tests.registrar.registry_server import Stored, make_image, serving


@pytest.fixture
def stored() -> Iterator[Stored]:
    with serving() as served:
        yield served


@pytest.fixture
def admin(tmp_path: Path) -> AdminFolder:
    return AdminFolder(tmp_path)


def set_policy(admin: AdminFolder, scope: str, *options: object) -> str:
    return admin.fine("policy", "set", "--scope", scope, *options, "--reason", "r", "-y")


def test_what_is_named_is_set_and_the_rest_stays(admin: AdminFolder) -> None:
    set_policy(admin, "acme", "--scanner", "trivy", "--scanner", "grype", "--licence", "MIT")
    set_policy(admin, "acme", "--longest-lifetime", "90d", "--forbid-exemptions")
    set_policy(admin, "acme", "--max-stale", "3d", "--contact", "sec@acme.example")
    set_policy(admin, "acme", "--when-too-stale", "close", "--break-glass-key", "bob")
    said = admin.json("policy", "show", "--scope", "acme")["acme"]
    assert said["required_scanners"] == ["grype", "trivy"]
    assert said["allowed_licences"] == ["MIT"]
    assert (said["longest_lifetime_days"], said["forbid_exemptions"]) == (90, True)
    assert (said["max_stale_seconds"], said["when_too_stale"]) == (3 * 86_400, "close")
    assert said["break_glass_keys"] == [admin.workspace.keys()["bob"].keyid]
    assert (said["contact"], said["two_people"]) == ("sec@acme.example", True)
    set_policy(admin, "acme", "--clear", "scanners", "--clear", "break-glass-keys")
    after = admin.json("policy", "show", "--scope", "acme")["acme"]
    assert after == said | {"required_scanners": [], "break_glass_keys": []}


def test_what_a_policy_would_stop_is_shown_before_it_is_set(
    admin: AdminFolder, stored: Stored
) -> None:
    web = stored.push(make_image())
    admin.approve(stored.reference(web), scope="acme.pay.web")
    before = admin.files()
    words = ("policy", "set", "--scope", "acme", "--scanner", "trivy", "--reason", "r")
    ran = admin.run(*words, given="n\n")
    assert admin.files() == before
    assert f"this stops {stored.address}/team/web@{web.top_digest}: no verdict" in ran.err
    assert "1 approval would no longer run" in ran.err


def test_staleness_is_the_organizations_to_set(admin: AdminFolder) -> None:
    ran = admin.run("policy", "set", "--scope", "acme.pay", "--max-stale", "1d", "--reason", "r")
    assert ran.code == 1
    assert "use --scope acme" in ran.err


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--repository", "no spaces"), "policy.repositories[0]"),
        (("--longest-lifetime", "36h"), "not of whole days"),
        (("--longest-lifetime", "soon"), "--longest-lifetime: 'soon' is not a time span"),
        (("--break-glass-key", "eve"), "known are ann, bob"),
    ],
)
def test_a_wrong_policy_names_the_field_and_changes_nothing(
    admin: AdminFolder, options: tuple[str, ...], word: str
) -> None:
    before = admin.files()
    ran = admin.run("policy", "set", "--scope", "acme", *options, "--reason", "r", "-y")
    assert (ran.code, admin.files()) == (1, before)
    assert word in ran.err
