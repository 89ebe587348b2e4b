"""docs/quickstart.md, typed at a machine's terminal: each command works, each answer is seen."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from builder.description import TOP
from tests.lab import images
from tests.package import roots
from tests.package.conftest import SUITES
from tests.package.guarded import GuardedMachine
from tests.package.hub import Hub
from tests.package.terminal import Terminal, missing

PAGE = TOP / "docs/quickstart.md"
MOST = 15
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANSWERS = {
    r"Passphrase[^\n]*: ?$": "correct horse battery",
    r"Repeat for confirmation: ?$": "correct horse battery",
    r"\[y/N\]: ?$": "y",
    r"\[Y/n\] ?$": "y",  # apt's
}
# What is refused, and what was found: exit codes of docker and of `explain`.
CODES = {"docker run --name stranger": {125, 126, 127}, "dockwarden explain": {3}}


@dataclass(slots=True)
class Step:
    """A command as a person types it, and the lines that the page promises afterwards."""

    command: str
    expected: str = ""


def steps(page: str) -> list[Step]:
    """The page's commands in order; a command goes on to the end of its here-document."""
    found: list[Step] = []
    for kind, text in BLOCK.findall(page):
        if kind == "text":
            found[-1].expected = text
            continue
        lines = iter(text.splitlines())
        for line in lines:
            command = [line]
            if here := re.search(r"<<(\w+)$", line):
                for more in lines:
                    command.append(more)
                    if more == here[1]:
                        break
            found.append(Step("\n".join(command)))
    return found


def test_the_page_is_short() -> None:
    """As many commands as it says, and no more than a newcomer's patience lasts."""
    commands = [step.command for step in steps(PAGE.read_text(encoding="utf-8"))]
    assert len(commands) <= MOST, commands
    assert PAGE.read_text(encoding="utf-8").split("\n\n")[1].startswith("Fifteen commands")


@pytest.fixture(scope="module", params=SUITES)
def newcomer(request: pytest.FixtureRequest, programs: Path) -> Iterator[GuardedMachine]:
    """A machine with an engine, the three packages in root's home, and a way to the Hub."""
    if why := roots.missing(request.param):
        pytest.skip(why)
    runs = "while :; do sleep 1; done"
    nginx = images.build("library/nginx", "1.27", config={"Cmd": ["/bin/sh", "-c", runs]})
    httpd = images.build(
        "library/httpd", "2.4", config={"Cmd": ["/bin/sh", "-c", f"echo it ran; {runs}"]}
    )
    with GuardedMachine(request.param) as machine, Hub(machine, nginx, httpd):
        for deb in programs.glob("*.deb"):
            shutil.copy(deb, machine.path("/root"))
        yield machine


@pytest.mark.package
def test_every_command_does_what_the_page_says(newcomer: GuardedMachine) -> None:
    """In its order, on a machine that has nothing of it yet."""
    terminal = Terminal(newcomer, ANSWERS)
    for step in steps(PAGE.read_text(encoding="utf-8")):
        wanted = next(
            (codes for start, codes in CODES.items() if step.command.startswith(start)), {0}
        )
        if step.command.startswith(("dockwarden explain", "dockwarden-collector violations")):
            said = terminal.type_until(step.command, step.expected)
        else:
            said = terminal.type(step.command)
        assert said.code in wanted, f"{step.command}: {said}"
        assert missing(step.expected, said.text) == [], f"{step.command}: {said.text}"
    # What the reader is not shown: the machine is as the page says.
    assert newcomer.docker("ps", "--format", "{{.Names}}").stdout.split() == ["web"]
    assert "it ran" not in newcomer.docker("logs", "stranger", check=False).stdout
    status = newcomer.status()
    assert status["mode"] == "enforce"
    newcomer.until(
        lambda: (
            '"status": "online"'
            in newcomer.inside("dockwarden-collector", "hosts", "--json", check=False).stdout
        ),
        "sign of life at the collector",
    )
