"""The first ceremony: alone, and as a team of which two have to sign."""

import json
import os
import stat
from pathlib import Path

from click.testing import CliRunner

from registrar.cli.registrar_main import cli
from tests.registrar.ceremony import PASSPHRASE, Ceremony


def test_alone_one_command_publishes_what_a_stock_client_reads(tmp_path: Path) -> None:
    solo = Ceremony(tmp_path).start()
    listing = json.loads(solo.read("acme/list.json", tmp_path / "cache"))
    assert (listing["scope"], listing["sequence"], listing["approvals"]) == ("acme", 1, [])
    denies = json.loads(solo.read("emergency/deny.json", tmp_path / "cache"))
    assert denies["denies"] == []


def test_private_keys_are_encrypted_private_and_outside(tmp_path: Path) -> None:
    solo = Ceremony(tmp_path).start()
    keys = sorted(solo.keys.iterdir())
    assert [key.name for key in keys] == ["online-snapshot.key", "online-timestamp.key", "solo.key"]
    for key in keys:
        assert json.loads(key.read_bytes())["kdf"] == "scrypt"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert not [p for p in solo.path.rglob("*") if p.is_file() and b"sealed" in p.read_bytes()]


def test_a_second_repository_never_takes_the_first_ones_keys(tmp_path: Path) -> None:
    solo = Ceremony(tmp_path).start()
    other = tmp_path / "other"
    out = solo.run("init", "--solo", "--no-git", str(other), code=1)
    assert "a key exists already" in out
    assert not other.exists()


def test_a_short_passphrase_makes_no_key(tmp_path: Path) -> None:
    team = Ceremony(tmp_path).start(solo=False)
    (tmp_path / "short").write_text("abc\n")
    (tmp_path / "short").chmod(0o600)
    out = team.run("key", "new", "ann", "--passphrase-file", str(tmp_path / "short"), code=1)
    assert "shorter than 12" in out
    assert not team.keys.exists()


def test_a_passphrase_is_asked_for_twice(tmp_path: Path) -> None:
    team = Ceremony(tmp_path).start(solo=False)
    arguments = ["-C", str(team.path), "key", "new", "ann", "--keys", str(team.keys)]
    known = {key: None for key in os.environ if key.startswith("DOCKWARDEN_")}
    typed = f"{PASSPHRASE}\n{PASSPHRASE}\n"
    result = CliRunner().invoke(cli, arguments, input=typed, env=known)
    assert result.exit_code == 0, result.output
    assert (team.keys / "ann.key").exists()


def test_a_passphrase_that_fits_both_online_keys_is_asked_for_once(tmp_path: Path) -> None:
    solo = Ceremony(tmp_path).start()
    solo.approve(1)
    solo.run("sign", "--key", "solo", "--yes")
    known = {key: None for key in os.environ if key.startswith("DOCKWARDEN_")}
    command = ["-C", str(solo.path), "publish", "--keys", str(solo.keys)]
    result = CliRunner().invoke(cli, command, input=f"{PASSPHRASE}\n", env=known)
    assert result.exit_code == 0, result.output
    assert result.output.count("Passphrase") == 1


def test_where_the_second_key_has_another_it_is_asked_for(tmp_path: Path) -> None:
    solo = Ceremony(tmp_path).start()
    (tmp_path / "other").write_text("another passphrase\n")
    (tmp_path / "other").chmod(0o600)
    other = ("--passphrase-file", str(tmp_path / "other"))
    solo.run("key", "new", "clock", "--role", "timestamp", *other)
    solo.run("key", "revoke", "online-timestamp")
    solo.run("sign", "--key", "solo", "--yes")
    known = {key: None for key in os.environ if key.startswith("DOCKWARDEN_")}
    command = ["-C", str(solo.path), "publish", "--keys", str(solo.keys)]
    typed = f"{PASSPHRASE}\nanother passphrase\n"
    result = CliRunner().invoke(cli, command, input=typed, env=known)
    assert result.exit_code == 0, result.output
    assert "Passphrase of clock" in result.output


def test_a_team_publishes_once_enough_have_signed(tmp_path: Path) -> None:
    team = Ceremony(tmp_path).start_team().signed_by("ann")
    assert "1 of 2 administrators have signed acme: ann" in team.run("status")
    out = team.run("publish", code=1)
    assert "1 of 2 administrators have signed acme: ann" in out
    assert not team.repository.exists()
    team.signed_by("bob").run("publish")
    assert json.loads(team.read("acme/list.json", tmp_path / "cache"))["scope"] == "acme"
    assert "nothing waits" in team.run("status")


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "thesis.txt").write_text("mine")
    out = Ceremony(tmp_path).run("init", "--solo", str(tmp_path / "work"), code=1)
    assert "not empty" in out
    assert [p.name for p in (tmp_path / "work").iterdir()] == ["thesis.txt"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """In one sentence, not in a traceback."""
    (tmp_path / "file").write_text("")
    out = Ceremony(tmp_path).run("init", "--solo", str(tmp_path / "file" / "work"), code=1)
    assert f"{tmp_path / 'file'}: File exists" in out
    assert "choose a folder that this user may make" in out
