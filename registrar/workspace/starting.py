"""A workspace's first files, with the house's rules; makes no keys."""

from datetime import timedelta
from pathlib import Path
from typing import Final

from core.durable import make_directory
from registrar.registrar_errors import WorkspaceInvalid
from registrar.workspace.folder import RULES, Workspace, check_scope_name
from registrar.workspace.history import start
from registrar.workspace.private_registry import PrivateRegistry
from registrar.workspace.rules import Rule, Rules, ScopeRule, write_rules

_DAY: Final = timedelta(days=1)
_IGNORED: Final = b"""# What the publishing machine alone keeps:
/repository/metadata/timestamp.json
/repository/metadata/*.snapshot.json
/pending/.publishing/
"""
# How many have to sign, and for how long it holds (days).
_DEFAULTS: Final = {
    "root": (3, 365),
    "targets": (2, 365),
    "emergency": (2, 30),
    "snapshot": (1, 30),
    "timestamp": (1, 1),
}
_SCOPE: Final = (2, 180)


def start_workspace(
    path: Path,
    organization: str,
    registry: PrivateRegistry | None = None,
    *,
    solo: bool,
    git: bool,
) -> Workspace:
    """Make the folder and its rules; raises `WorkspaceInvalid` where something is already,
    or where the folder cannot be made."""
    check_scope_name(organization, "organization", parent=None)
    if path.exists() and any(child.name != ".git" for child in path.iterdir()):
        raise WorkspaceInvalid(f"{path}: the folder is not empty", hint="choose another")
    try:
        make_directory(path, mode=0o755)
    except OSError as error:
        raise WorkspaceInvalid(
            f"{error.filename}: {error.strerror}", hint="choose a folder that this user may make"
        ) from error
    if git:
        start(path)

    def rule(threshold: int, days: int) -> Rule:
        return Rule((), 1 if solo else threshold, days * _DAY)

    rules = Rules(
        organization,
        {name: rule(*numbers) for name, numbers in _DEFAULTS.items()},
        ScopeRule(rule(*_SCOPE), requester_may_approve=solo),
        registry,
    )
    workspace = Workspace(path.absolute())
    files = {path / RULES: write_rules(rules), path / ".gitignore": _IGNORED}
    workspace.write(
        {name.absolute(): data for name, data in files.items()},
        f"Approved images of {organization}: the rules",
    )
    return workspace
