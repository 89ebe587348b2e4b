"""The command as a whole: help, exit codes, `config`, and becoming the daemon."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from agent.cli.launch import daemon_arguments, daemon_environment
from agent.cli.main import cli
from core.terminal.command_group import Commands
from tests.cli.conftest import Host, process
from tests.patience import PATIENCE


def _commands() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    assert isinstance(cli, Commands)
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        found.append((name,))
        if isinstance(command, click.Group):
            found += [(name, inner) for inner in command.commands]
    return found


@pytest.mark.parametrize("command", [(), *_commands()])
def test_every_command_has_help(host: Host, command: tuple[str, ...]) -> None:
    result = host.run(*command, "--help")
    assert result.exit_code == 0
    assert "Usage: dockwarden" in result.stdout


@pytest.mark.parametrize(
    "command", ["run", "reload", "status", "ps", "check", "explain", "violations"]
)
def test_help_has_examples(host: Host, command: str) -> None:
    assert "Examples:" in host.run(command, "--help").stdout


@pytest.mark.parametrize(
    "wrong", [("nonsense",), ("check",), ("run", "--mode", "x"), ("ps", "-o", "xml")]
)
def test_wrong_usage_exits_with_two(host: Host, wrong: tuple[str, ...]) -> None:
    assert host.run(*wrong).exit_code == 2


def test_validate_counts_every_error(host: Host) -> None:
    assert host.run("config", "validate").exit_code == 0
    host.configure("[circuit_breaker]\nkills = 0\n[agent]\nmod = 1\n")
    result = host.run("config", "validate")
    assert result.exit_code == 1
    assert "the configuration has 2 errors:" in result.stderr
    assert "Traceback" not in result.output
    answer = json.loads(host.run("config", "validate", "-o", "json").stdout)
    assert (answer["valid"], len(answer["problems"])) == (False, 2)


def test_validate_notes_exemptions_that_ended(host: Host) -> None:
    digest = "sha256:" + "1" * 64
    host.configure(
        f'[[enforcement.exemptions]]\ndigest = "{digest}"\nreason = "r"\nowner = "o"\n'
        "expires = 2020-01-01T00:00:00Z\n"
    )
    result = host.run("config", "validate")
    assert result.exit_code == 0 and "ended at 2020-01-01" in result.stderr


def test_show_shows_origins_and_hides_credentials(host: Host) -> None:
    credentials = host.folder / "credentials"
    credentials.mkdir()
    host.write("credentials/dockwarden.agent.contact", "secret@acme.example")
    environ = {
        "DOCKWARDEN_CONFIG": str(host.config),
        "CREDENTIALS_DIRECTORY": str(credentials),
        "DOCKWARDEN_AGENT__MODE": "enforce",
    }
    text = process("config", "show", "--origin", **environ).stdout
    lines = {" ".join(line.split()) for line in text.splitlines()}
    assert 'mode = "enforce" # environment DOCKWARDEN_AGENT__MODE' in lines
    assert 'contact = "(hidden)" # credential dockwarden.agent.contact' in lines
    assert f'file = "{host.findings}" # {host.config}' in lines
    assert "kills = 10 # default" in lines
    tree = json.loads(process("config", "show", "--origin", "-o", "json", **environ).stdout)
    assert tree["agent"]["contact"]["value"] == "(hidden)"
    assert tree["enforcement"]["actions"]["denied"] == {"value": "kill", "origin": "default"}


def test_a_wrong_configuration_starts_no_daemon(host: Host) -> None:
    host.configure("[agent]\nmod = 1\n")
    result = host.run("run")
    assert result.exit_code == 1 and "did you mean mode?" in result.stderr


def test_the_daemon_gets_what_was_checked(host: Host, tmp_path: Path) -> None:
    """A stand-in for `agent.app.daemon` reports its process ID, its mode and what it loaded."""
    (tmp_path / "stand_in.py").write_text(
        "import os, sys\n"
        "import agent.cli.launch as launch\n"
        "from agent.cli.main import main\n"
        "told = 'import os, sys; from agent.config.handover import from_descriptor;'\n"
        "told += 'print(os.getpid(), from_descriptor(int(sys.argv[-1])).agent.mode,'\n"
        'told += \' "pydantic" in sys.modules, "click" in sys.modules)\'\n'
        "real = launch.daemon_arguments\n"
        "def stand_in(*given):\n"
        "    interpreter, *rest = real(*given)\n"
        "    return [interpreter, *rest[:rest.index('-m')], '-c', told, *rest[-2:]]\n"
        "launch.daemon_arguments = stand_in\n"
        "main()\n"
    )
    with subprocess.Popen(
        [
            sys.executable,
            tmp_path / "stand_in.py",
            "run",
            "--mode=enforce",
            f"--config={host.config}",
        ],
        stdout=subprocess.PIPE,
        text=True,
        env=daemon_environment(),
        cwd=tmp_path,
    ) as child:
        out, _ = child.communicate(timeout=PATIENCE)
    assert out.split() == [str(child.pid), "enforce", "False", "False"]


def test_the_daemon_is_not_imported_from_the_current_folder(tmp_path: Path) -> None:
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "__init__.py").write_text("raise SystemExit('hijacked')")
    arguments = [*daemon_arguments(0)[:-4], "-c", "import core; print(core.__version__)"]
    done = subprocess.run(
        arguments,
        cwd=tmp_path,
        env=daemon_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "hijacked" not in done.stderr and done.stdout.strip()


def test_version_and_a_named_error_as_processes(host: Host) -> None:
    assert process("version").stdout.startswith("dockwarden ")
    failed = process("status", DOCKWARDEN_CONFIG=str(host.config))
    assert failed.returncode == 1
    assert failed.stderr.startswith("dockwarden: error: no agent is running")


def test_starting_stays_light() -> None:
    program = "from agent.cli.main import main; import sys; sys.argv[1:] = ['version']; main()"
    loaded = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=daemon_environment(),
    ).stderr
    for heavy in ("pydantic", "msgspec", "docker", "psutil", "watchdog", "asyncio"):
        assert f" {heavy}\n" not in loaded


def test_without_root_run_says_so(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.config.config_files.os.geteuid", lambda: 1000)
    result = host.run("run")
    assert result.exit_code == 1 and "sudo dockwarden run" in result.stderr
