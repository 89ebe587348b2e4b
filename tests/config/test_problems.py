"""Each error names file, table, key, what is wrong with the value, and what to write instead."""

import os
from pathlib import Path

import pytest

from tests.config.conftest import problems, write
from tests.config.test_layers import ONE, exemption

HUGE = "9" * 4000


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        (
            '[agent]\nmode = "enfroce"',
            'mode = "enfroce": is not one of the known words; write one of observe, enforce; did',
        ),
        ("[agent]\ncontact = 7", "[agent] contact = 7: is not text; write a line in quotes"),
        ('[agent]\ncontact = "a\\nb"', "line breaks or control characters"),
        ("[agent]\nmod = 1", "[agent] mod is unknown; did you mean mode?"),
        ('[engin]\nsocket = "/x"', "engin is unknown; did you mean engine?"),
        ('mode = "enforce"', "mode is unknown; did you mean [agent] mode?"),
        ("[xyz]\na = 1", "xyz is unknown; known here: agent, allowlist"),
        ("engine = 5", "engine is a table; write [engine]"),
        ("[[engine]]\nsocket = 1", "engine is a table; write [engine]"),
        (
            '[engine]\nsocket = "run/x"',
            "is not an absolute path; write the absolute path of the engine's socket",
        ),
        ('[engine]\nsocket = "/a/../b"', "is not an absolute path"),
        ('[engine]\ntimeout_seconds = "10"', "write seconds above 0"),
        ("[engine]\ntimeout_seconds = true", "= true: is not a number; write seconds above 0"),
        ("[engine]\ntimeout_seconds = 0", "= 0: is not above 0; write seconds above 0"),
        ("[gate]\nhold_seconds = inf", "finite"),
        (
            "[gate]\nhold_seconds = 301",
            "= 301: is more than 300; write seconds",
        ),
        ("[gate]\nroots = []", "is empty"),
        ('[gate]\nroots = ["/a", "b"]', '[gate] roots = "b" (item 2): is not an absolute path'),
        ("[gate.roots]\na = 1", "[gate] roots = a table of 1"),
        ("[circuit_breaker]\nshare = 1.5", "a share above 0, at most 1"),
        ("[circuit_breaker]\nshare = nan", "finite"),
        ("[circuit_breaker]\nkills = 1.5", "a whole number from 1"),
        (f"[circuit_breaker]\nkills = {HUGE}", "[circuit_breaker] kills = a huge number"),
        (f"[circuit_breaker]\nseconds = 0x{HUGE}", "[circuit_breaker] seconds = a huge number"),
        ('[allowlist]\nsource = "ftp://x"', 'is not a known kind of source; write "https://…" or'),
        ('[allowlist]\nsource = "file:///x"', "one slash begins it"),
        ('[allowlist]\nsource = "folder:///x"', "one slash begins it"),
        ('[allowlist]\nsource = "folder:x"', "is not an absolute path"),
        ('[allowlist]\nsource = "https://u:p@x/list"\nscope = "a"', "holds credentials"),
        ('[allowlist]\nsource = "https://x:99999/list"\nscope = "a"', "no valid host or port"),
        ('[allowlist]\nsource = "https://x/list?a=b"\nscope = "a"', "has a query"),
        ('[allowlist]\nsource = "https:///list"\nscope = "a"', "is not an address of a web server"),
        ('[allowlist]\nsource = "https://x/list"', "[allowlist] scope is missing; write this host"),
        ('[allowlist]\nscope = "Acme.Pay"', "is not a scope; write this host's scope"),
        ('[allowlist]\nscope = "a.b.c.d.e"', "is not a scope"),
        ('[allowlist]\nca_file = "ca.pem"', "is not an absolute path"),
        ("[allowlist]\npoll_seconds = 0", "write seconds above 0"),
        ('[allowlist]\nsource = "file:x"', "is not an absolute path"),
        (
            '[enforcement]\nenforcement_points = ["create", "rescan"]',
            '"rescan" (item 2): is not an enforcement point that can be switched',
        ),
        ("[enforcement]\nenforcement_points = []", "enforcement_points = a list of 0: is empty"),
        ("[enforcement]\nkeep_refused = 1", "= 1: is neither true nor false; write true or false"),
        ('[enforcement.actions]\napproved = "kill"', "approved images are always allowed; remove"),
        ('[enforcement.actions]\ndenied = "kil"', 'did you mean "kill"?'),
        ("[enforcement]\nexemptions = 5", "write [[enforcement.exemptions]]"),
        ("[enforcement.exemptions]\na = 1", "write [[enforcement.exemptions]]"),
        (
            "[[enforcement.exemptions]]\nownr = 1",
            "[[enforcement.exemptions]] #1 ownr is unknown; did you mean owner?",
        ),
        (
            "[[enforcement.exemptions]]",
            '[[enforcement.exemptions]] #1 digest is missing; write "sha256:"',
        ),
        (exemption("sha256:ab", "me"), '#1 digest = "sha256:ab": is not a content digest'),
        (exemption(ONE, " "), '#1 owner = " ": is empty'),
        (
            exemption(ONE, "me").replace("+01:00", ""),
            "with a time zone; write a time with its zone",
        ),
        (exemption(ONE, "me").replace("2027-01-31T01:00:00+01:00", "1"), "is not a point in time"),
        (
            exemption(ONE, "me").replace("2027-01-31T01:00:00+01", "0001-01-01T01:00:00+23"),
            "is not a point in time",
        ),
        (exemption(ONE, "me") + exemption(ONE, "you"), "is exempted already in"),
        (f'[control]\nsocket = "/{"x" * 110}"', "longer than the 103 bytes"),
        ("a = [", "not valid TOML at line 1 ("),
        ("a = 1\na = 2\n", "not valid TOML at line 2 ("),
        ("a = " + "[" * 5000, "not valid TOML at line 1: nested too deeply"),
        (f"a = {'9' * 5000}", "not valid TOML"),
    ],
)
def test_one_error(folder: Path, toml: str, told: str) -> None:
    write(folder / "agent.toml", toml)
    found = problems(folder)
    assert all(problem.startswith(f"{folder}/agent.toml: ") for problem in found)
    assert told in "\n".join(found)


def test_every_error_of_every_layer_at_once(folder: Path, tmp_path: Path) -> None:
    write(folder / "agent.toml", "[circuit_breaker]\nkills = 0\nshare = 2\n[x]\n")
    write(folder / "conf.d/a.toml", "[")
    write(folder / "conf.d/b.toml", b"\xff")
    write(folder / "conf.d/c.toml", "[circuit_breaker]\nkills = 3")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    write(credentials / "dockwarden.agent.mode", "hush")
    environ = {
        "DOCKWARDEN_AGENT_MODE": "enforce",
        "DOCKWARDEN_ENFORCEMENT__EXEMPTIONS": "[]",
        "DOCKWARDEN_CIRCUIT_BREAKER__KILLS": "two",
        "CREDENTIALS_DIRECTORY": str(credentials),
    }
    found = problems(folder, environ, gate={"hold_seconds": -1})
    places = [problem.split(": ")[0].removeprefix(f"{folder}/") for problem in found]
    assert sorted(places) == sorted(
        [
            *["agent.toml"] * 3,
            "conf.d/a.toml",
            "conf.d/b.toml",
            "credential dockwarden.agent.mode",
            "environment DOCKWARDEN_AGENT_MODE",
            "environment DOCKWARDEN_ENFORCEMENT__EXEMPTIONS",
            "environment DOCKWARDEN_CIRCUIT_BREAKER__KILLS",
            "command line",
        ]
    )
    assert "did you mean environment DOCKWARDEN_AGENT__MODE?" in "\n".join(found)
    assert "hush" not in "\n".join(found)


def test_a_named_file_must_exist(folder: Path) -> None:
    (folder / "agent.toml").unlink()
    assert problems(folder) == [
        f"{folder}/agent.toml: no such file; give an existing one with --config, or create it"
    ]


def test_what_others_can_write_is_refused(folder: Path) -> None:
    (folder / "agent.toml").chmod(0o664)
    write(folder / "conf.d/a.toml", "")
    write(folder / "conf.d/b.toml", "")
    (folder / "conf.d").chmod(0o777)
    assert problems(folder) == [
        f"{path}: others than its owner can write it; run: chmod go-w {path}"
        for path in (folder / "agent.toml", folder / "conf.d")
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_another_users_file_is_refused(folder: Path) -> None:
    os.chown(folder / "agent.toml", 12345, -1)
    assert problems(folder) == [
        f"{folder}/agent.toml: belongs to user 12345; run: chown root {folder}/agent.toml"
    ]


def test_a_pipe_or_a_huge_file_is_refused(folder: Path) -> None:
    os.mkfifo(folder / "conf.d/a.toml", 0o644)
    write(folder / "conf.d/b.toml", "#" * (1 << 20) + "\n")
    text = "\n".join(problems(folder))
    assert "not a regular file" in text and "larger than 1 MiB" in text
