"""Completions for bash, zsh and fish; each asks the program itself what may come next."""

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

_FILES: dict[type[ShellComplete], str] = {
    BashComplete: "bash/{}",
    ZshComplete: "zsh/_{}",
    FishComplete: "fish/{}.fish",
}


def completions(group: click.Group, program: str) -> dict[str, str]:
    """Scripts by file name."""
    variable = f"_{program.replace('-', '_').upper()}_COMPLETE"  # click's own name for it
    return {
        name.format(program): shell.source_template
        % shell(group, {}, program, variable).source_vars()
        + "\n"
        for shell, name in _FILES.items()
    }
