"""docs/internals/architecture.md says what is there: the rooms, the threads, the files it names."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.house import PROGRAMS, ROOT

TEXT = (ROOT / "docs" / "internals" / "architecture.md").read_text(encoding="utf-8")


def _drawn() -> Iterator[str]:
    """The tree of rooms as paths."""
    package = ""
    tree = TEXT.split("## The rooms")[1].split("```")[1]
    for line in tree.strip().splitlines():
        match = re.fullmatch(r"(  )?([a-z_]+/) +\S.*", line)
        assert match is not None, line
        if not match[1]:
            package = match[2]
        yield package if not match[1] else package + match[2]


def test_the_tree_has_every_room_and_no_other() -> None:
    there = {f"{package}/" for package in PROGRAMS}
    for package in PROGRAMS:
        there |= {
            f"{package}/{folder.name}/"
            for folder in (ROOT / package).iterdir()
            if any(path.suffix in (".py", ".json") for path in folder.glob("*"))
        }
    drawn = list(_drawn())
    assert sorted(drawn) == sorted(there)


def _threads(package: Path) -> Iterator[str]:
    """How threads are named: the text, or what it begins with."""
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                for given in node.keywords:
                    named = given.arg == "thread_name_prefix" or (
                        given.arg == "name" and ast.unparse(node.func).endswith("Thread")
                    )
                    if named:
                        first = given.value
                        if isinstance(first, ast.JoinedStr):
                            first = first.values[0]
                        assert isinstance(first, ast.Constant)
                        yield str(first.value).strip()


def test_the_table_has_every_thread_and_no_other() -> None:
    table = TEXT.split("## The threads")[1]
    named = [
        name for row in re.findall(r"(?m)^\| (`.*?) \|", table) for name in row.split("`")[1::2]
    ]
    assert sorted(named) == sorted(_threads(ROOT / "agent"))


def test_every_file_and_folder_it_names_is_there() -> None:
    gone = [
        path
        for path in re.findall(r"`((?:agent|core|collector|registrar)/[\w/.]+)`", TEXT)
        if not (ROOT / path).exists()
    ]
    assert not gone
    for module in re.findall(r"`(agent(?:\.\w+)+)`", TEXT):
        base = ROOT / Path(*module.split("."))
        assert base.with_suffix(".py").exists() or (base / "__main__.py").exists(), module
    for link in re.findall(r"\]\(([^)#]+)", TEXT):
        assert (ROOT / "docs" / "internals" / link).exists(), link
