"""The three command lines: each name leads to its command, and errors look the same."""

import click
import pytest
from click.testing import CliRunner

from agent.cli.main import cli as agent
from collector.cli import cli as collector
from core.base_errors import ConfigInvalid, DockwardenError
from core.terminal.command_group import Commands
from core.terminal.printing import emit_table
from registrar.cli.registrar_main import cli as registrar

PROGRAMS = {
    "dockwarden": agent,
    "dockwarden-collector": collector,
    "dockwarden-registrar": registrar,
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_name_leads_to_the_command_of_that_name(program: str) -> None:
    group = PROGRAMS[program]
    assert isinstance(group, Commands) and group.name == program
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None and command.name == name
    assert group.get_command(context, "nonsense") is None


@click.command()
def _fails() -> None:
    raise ConfigInvalid(["a\x1b is wrong", "b is wrong"], hint="correct\nthese")


@click.command()
def _also_fails() -> None:
    raise DockwardenError("the disk\nis full")


@click.command()
def _table() -> None:
    emit_table(["name", "why"], [["web", None], ["db\n", "x"]])


GROUP = Commands(
    name="shop",
    commands_at={name: f"{__name__}:_{name}" for name in ("fails", "also_fails", "table")},
)


def test_an_error_is_reported_without_a_traceback() -> None:
    done = CliRunner().invoke(GROUP, ["fails"])
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        "shop: error: the configuration has 2 errors:\n"
        "  a\\x1b is wrong\n  b is wrong\nhint: correct\\nthese\n"
    )
    assert CliRunner().invoke(GROUP, ["also_fails"]).stderr == (
        "shop: error: the disk\n  is full\n"
    )


def test_a_table_has_one_line_a_row() -> None:
    done = CliRunner().invoke(GROUP, ["table"])
    assert done.stdout == "NAME  WHY\nweb   -\ndb\\n  x\n"
