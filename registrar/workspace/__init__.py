"""The administrators' folder: drafts, public keys and rules in small files that merge under git.

Knows nothing of TUF, private keys or who may sign what.
"""

from registrar.workspace.draft import Draft
from registrar.workspace.enrolled_keys import EnrolledKey
from registrar.workspace.folder import Workspace
from registrar.workspace.membership import Members
from registrar.workspace.private_registry import PrivateRegistry
from registrar.workspace.rules import Rule, Rules, ScopeRule

__all__ = [
    "Draft",
    "EnrolledKey",
    "Members",
    "PrivateRegistry",
    "Rule",
    "Rules",
    "ScopeRule",
    "Workspace",
]
