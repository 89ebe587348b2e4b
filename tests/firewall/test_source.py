"""What the helper's source may contain: it runs under older Pythons, and apart from the agent."""

import ast
import sys
from pathlib import Path

import pytest

import agent.helpers.firewall
import agent.helpers.gate

FILES = sorted(Path(agent.helpers.firewall.__file__).parent.glob("*.py"))
OURS = ("agent.helpers.firewall", "agent.helpers.gate")
GATE = [
    Path(agent.helpers.gate.__file__).with_name(f"{name}.py")
    for name in ("channel", "hierarchy", "inotify", "mounts", "__init__")
]


@pytest.mark.parametrize(
    "path", [*FILES, *GATE], ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_every_file_is_python_3_9(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 9))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_import_is_standard_library_or_the_helpers_own(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            standard = name.split(".")[0] in sys.stdlib_module_names
            assert standard or name.startswith(OURS), f"{path.name} imports {name}"


def test_the_gpl_module_is_named_in_one_file_only() -> None:
    root = Path(agent.helpers.firewall.__file__).parents[2]
    users = {
        path.name
        for path in root.rglob("*.py")
        if 'import_module("nftables")' in path.read_text() or "import nftables" in path.read_text()
    }
    assert users == {"library.py"}
