"""`python -m manual`: see the package."""

import importlib
from pathlib import Path

import click

from manual.completions import completions
from manual.pages import pages

# The program's name: module of its click group `cli`, section of the manual.
PROGRAMS = {
    "dockwarden": ("agent.cli.main", 8),
    "dockwarden-collector": ("collector.cli", 8),
    "dockwarden-registrar": ("registrar.cli.registrar_main", 1),
}


def write(folder: Path, program: str, version: str) -> list[Path]:
    """Pages and completions of one program; returns the files."""
    module, section = PROGRAMS[program]
    group: click.Group = importlib.import_module(module).cli
    written = []
    for name, text in pages(group, program, section, version).items():
        written.append(_put(folder / f"man/man{section}/{name}.{section}", text))
    for name, text in completions(group, program).items():
        written.append(_put(folder / name, text))
    return written


def _put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="OUT_DIR")
@click.option("--program", "programs", multiple=True, type=click.Choice(list(PROGRAMS)))
@click.option("--version", default="", help="Printed at the foot of each page.")
def main(folder: Path, programs: tuple[str, ...], version: str) -> None:
    """Write man pages and shell completions."""
    count = sum(len(write(folder, program, version)) for program in programs or PROGRAMS)
    click.echo(f"{count} files in {folder}")


if __name__ == "__main__":
    main()
