"""How large the rooms are: `python -m tests.house` prints it, tests/test_house.py limits it.

Looks at source text only; imports nothing of the programs.
"""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ("core", "agent", "collector", "registrar")
LARGEST_FOLDER = 15  # modules
LARGEST_FILE = 300  # lines
# Names that every package may have; each program has an entry point of the same name.
COMMON = frozenset({"__init__.py", "__main__.py", "entry_point.py"})


@dataclass(frozen=True, slots=True)
class House:
    """What is in one top-level package. Paths are relative to the repository."""

    lines: Mapping[str, int]  # by file
    modules: Mapping[str, int]  # by folder, without `__init__` and `__main__`
    undocumented: tuple[str, ...]  # public names without a docstring, as `file:line name`

    @property
    def largest_file(self) -> tuple[str, int]:
        """The file with most lines."""
        return max(self.lines.items(), key=lambda item: item[1])

    @property
    def largest_folder(self) -> tuple[str, int]:
        """The folder with most modules, not counting those in folders below it."""
        return max(self.modules.items(), key=lambda item: item[1])


def look(package: str) -> House:
    """The figures of one top-level package."""
    lines: dict[str, int] = {}
    modules: Counter[str] = Counter()
    undocumented: list[str] = []
    for path in sorted((ROOT / package).rglob("*.py")):
        name, text = str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
        lines[name] = text.count("\n")
        modules[str(Path(name).parent)] += path.name not in ("__init__.py", "__main__.py")
        undocumented += [f"{name}:{where}" for where in _undocumented(text)]
    return House(lines, modules, tuple(undocumented))


def duplicates(houses: Mapping[str, House]) -> dict[str, list[str]]:
    """File names that stand in more than one place, with the places."""
    places: dict[str, list[str]] = {}
    for house in houses.values():
        for name in house.lines:
            places.setdefault(Path(name).name, []).append(name)
    return {name: found for name, found in places.items() if len(found) > 1 and name not in COMMON}


def _undocumented(text: str) -> Iterator[str]:
    tree = ast.parse(text)
    if tree.body and ast.get_docstring(tree) is None:
        yield "1 the module"
    yield from _undocumented_in(tree)


def _undocumented_in(node: ast.Module | ast.ClassDef) -> Iterator[str]:
    for item in node.body:
        if not isinstance(item, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if item.name.startswith("_") or any(map(_is_repeat, item.decorator_list)):
            continue
        if ast.get_docstring(item) is None:
            yield f"{item.lineno} {item.name}"
        if isinstance(item, ast.ClassDef):
            yield from _undocumented_in(item)


def _is_repeat(decorator: ast.expr) -> bool:
    """Whether the same name has its docstring elsewhere: a setter, an overload."""
    return ast.unparse(decorator).split(".")[-1] in ("setter", "overload")


def _print(package: str, house: House) -> None:
    folder, modules = house.largest_folder
    file, lines = house.largest_file
    print(f"{package}: {len(house.lines)} files in {len(house.modules)} folders")
    print(f"  files a folder: median {median(house.modules.values()):g}, most {modules} ({folder})")
    print(f"  lines a file: median {median(house.lines.values()):g}, most {lines} ({file})")
    print(f"  public names without docstring: {len(house.undocumented)}")


def main() -> None:
    """Print all figures; those of the tests are for information."""
    houses = {package: look(package) for package in PROGRAMS}
    for package, house in houses.items():
        _print(package, house)
    print(f"file names that stand in more than one place: {len(duplicates(houses))}")
    for name, places in duplicates(houses).items():
        print(f"  {name}: {', '.join(places)}")
    for house in houses.values():
        for where in house.undocumented:
            print(f"  no docstring: {where}")
    _print("tests", look("tests"))


if __name__ == "__main__":
    main()
