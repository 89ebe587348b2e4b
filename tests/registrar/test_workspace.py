"""The workspace: what is saved is read again, wrong files are named, git sees one change each."""

import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from core.allowlist.allowlist import Constraints, Deny, Waiver
from core.base_errors import DockwardenError, InvalidAllowlist
from core.list_format.payload import StalePolicy
from registrar import registrar_clock
from registrar.registrar_errors import WorkspaceInvalid
from registrar.workspace import Draft, Workspace
from registrar.workspace.starting import start_workspace
from tests.registrar.ceremony import approval, digest


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = start_workspace(tmp_path / "work", "acme", solo=True, git=True)
    made.save_scope_rule("acme", made.rules().scopes, "Scope acme")
    made.save_scope_rule("acme.pay", made.rules().scopes, "Scope acme.pay")
    return made


def full(scope: str) -> Draft:
    now = registrar_clock.now()
    return Draft(
        scope,
        {a.id: a for a in (approval(1), approval(2))},
        (Deny(frozenset({digest(3, "index")}), "leaks", revoked=True, denied_at=now),),
        (Waiver(frozenset({digest(4, "index")}), "deny", "fire", "ann", now + timedelta(days=1)),),
        Constraints(("registry.acme.example/**",), frozenset({"trivy"}), frozenset({"MIT"})),
        StalePolicy(86_400, "close"),
        "registry@acme.example",
    )


def history(workspace: Workspace) -> list[str]:
    out = subprocess.run(
        ["git", "log", "--format=%s"], cwd=workspace.path, capture_output=True, check=True
    )
    return out.stdout.decode().splitlines()


def test_what_is_saved_is_read_again(workspace: Workspace) -> None:
    everything = full("acme")
    workspace.save(everything, "everything")
    assert Workspace.open(workspace.path).draft("acme") == everything


def test_the_organization_comes_first_and_parents_before_children(workspace: Workspace) -> None:
    assert workspace.scopes() == ["acme", "acme.pay"]


def test_an_approval_that_goes_takes_its_file_along(workspace: Workspace) -> None:
    workspace.save(full("acme"), "two")
    first = approval(1)
    workspace.save(replace(full("acme"), approvals={first.id: first}), "one")
    assert list(workspace.draft("acme").approvals) == [first.id]


def test_each_change_is_one_commit_of_its_files_only(workspace: Workspace) -> None:
    (workspace.path / "notes.txt").write_text("mine")
    subprocess.run(["git", "add", "notes.txt"], cwd=workspace.path, check=True)
    before = history(workspace)
    draft = full("acme")
    workspace.save(draft, "approve two images")
    workspace.save(draft, "nothing changed")
    assert history(workspace) == ["approve two images", *before]
    staged = subprocess.run(
        ["git", "diff", "--cached", "--name-only"],
        cwd=workspace.path,
        capture_output=True,
        check=True,
    )
    assert staged.stdout.split() == [b"notes.txt"]


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("scopes/acme/deny.json", b'{"format": 1, "scope": "acme", "denies": [{}]}', "$.denies[0]"),
        ("scopes/acme/list.json", b'{"format": 1, "scope": "acme", "count": 3}', "$.count"),
        ("scopes/acme/list.json", b"{", "acme/list.json"),
        (f"scopes/acme/approvals/ab/ab{'0' * 62}.json", b"{}", "approvals/ab"),
        ("scopes/acme/scope.toml", b'keys = "ann"', "keys"),
        ("registrar.toml", b"format = 1\nuser = 2", "user"),
        ("keys/eve.json", b'{"name": "eve"}', "keys/eve.json"),
    ],
)
def test_a_wrong_file_is_named_with_its_place(
    workspace: Workspace, name: str, content: bytes, named: str
) -> None:
    path = workspace.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    with pytest.raises(DockwardenError) as caught:
        workspace.rules()
        workspace.keys()
        workspace.scope_rule("acme")
        workspace.draft("acme")
    assert named in caught.value.message
    assert caught.value.hint


def test_an_approval_under_a_foreign_name_is_refused(workspace: Workspace) -> None:
    workspace.save(full("acme"), "two")
    path = next(workspace.path.glob("scopes/acme/approvals/*/*.json"))
    path.rename(path.with_name("0" * 64 + ".json"))
    with pytest.raises(InvalidAllowlist, match="named after"):
        workspace.draft("acme")


@pytest.mark.parametrize("name", ["root", "targets", "timestamp", "snapshot", "emergency"])
def test_no_organization_bears_a_roles_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(WorkspaceInvalid, match="name of a role"):
        start_workspace(tmp_path / "work", name, solo=True, git=False)
    assert not (tmp_path / "work").exists()


def test_an_unknown_scope_is_reported_with_the_known_ones(workspace: Workspace) -> None:
    with pytest.raises(WorkspaceInvalid) as caught:
        workspace.draft("acme.web")
    assert "acme.pay" in caught.value.hint


def test_a_broken_file_is_placed(workspace: Workspace) -> None:
    path = workspace.path / "registrar.toml"
    path.write_text("format = 1\nformat = 1\n")
    with pytest.raises(WorkspaceInvalid, match=r"registrar\.toml: no TOML at line 2: "):
        Workspace.open(workspace.path)


def test_a_folder_that_is_none_is_reported(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceInvalid, match=r"registrar\.toml"):
        Workspace.open(tmp_path)
