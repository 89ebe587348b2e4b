"""An administrators' folder and its commands, for tests of the verbs about images."""

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from registrar.cli.registrar_main import cli
from registrar.keys.key_folder import KeyFolder
from registrar.workspace import Rule, Rules, ScopeRule, Workspace
from registrar.workspace.enrolled_keys import key_file
from registrar.workspace.rules import ROLES

SCOPES = ("acme", "acme.pay", "acme.pay.web")
PASSPHRASE = "a few words more"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


class AdminFolder:
    """Ann and bob sign for every scope; nobody has published anything."""

    def __init__(self, path: Path) -> None:
        self.path = path / "approved"
        self.keys = path / "keys"
        self.workspace = Workspace(self.path)
        rule = Rule(("ann", "bob"), 2, timedelta(days=180))
        scopes = ScopeRule(rule)
        roles = dict.fromkeys(ROLES, rule)
        self.workspace.save_rules(Rules("acme", roles, scopes), "begin")
        for scope in SCOPES:
            self.workspace.save_scope_rule(scope, scopes, f"scope {scope}")
        for name in ("ann", "bob"):
            made = KeyFolder(self.keys).create(name, PASSPHRASE)
            self.workspace.write({self.path / "keys" / f"{name}.json": key_file(made)}, name)

    def run(self, *arguments: object, given: str = "") -> Ran:
        """One command, its exit code and what it printed."""
        words = ["-C", str(self.path), *map(str, arguments)]
        done = CliRunner().invoke(cli, words, input=given)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Ran(done.exit_code, done.stdout, done.stderr)

    def fine(self, *arguments: object) -> str:
        """What a command printed that has to succeed."""
        ran = self.run(*arguments)
        assert ran.code == 0, ran.out + ran.err
        return ran.out

    def json(self, *arguments: object) -> Any:
        """What a command that has to succeed prints for programs."""
        return json.loads(self.fine(*arguments, "--output", "json"))

    def approve(self, reference: str, *more: object, scope: str = "acme.pay") -> str:
        """Ann approves what dev asked for."""
        words = ("--requester", "dev", "--approver", "ann", "--reason", "release", "--yes")
        return self.fine("image", "approve", reference, "--scope", scope, *words, *more)

    def files(self) -> dict[str, bytes]:
        """All of the folder, to see whether something changed."""
        found = (path for path in self.path.rglob("*") if path.is_file())
        return {str(path.relative_to(self.path)): path.read_bytes() for path in found}

    def verdict(self, image: str, scope: str = "acme.pay", *more: object) -> str:
        """The only verdict that `simulate` gives."""
        ran = self.run("simulate", image, "--scope", scope, "--output", "json", *more)
        verdicts = {answer["verdict"] for answer in json.loads(ran.out)}
        assert len(verdicts) == 1, verdicts
        assert ran.code == (0 if verdicts <= {"approved", "waived"} else 3)
        return str(verdicts.pop())
