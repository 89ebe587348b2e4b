"""The command and its configuration, as a person at a terminal meets them."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from collector.cli import cli
from collector.collector_config import Config, load
from collector.store.database import Database
from core.base_errors import ConfigInvalid
from tests.collector.local_collector import local_collector


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "collector.toml"
    path.write_text(f'[database]\nurl = "sqlite:///{tmp_path}/data/collector.db"\n')
    return path


def run(file: Path, *words: str, given: str = "") -> Result:
    return CliRunner().invoke(cli, ["--config", str(file), *words], input=given)


def test_first_steps(file: Path) -> None:
    assert run(file, "check").exit_code == 0
    assert run(file, "admin", "set-password", "--stdin", given="short\n").exit_code == 1
    done = run(file, "admin", "set-password", "--stdin", given="correct horse battery\n")
    assert (done.exit_code, done.stdout) == (0, "admin may sign in as administrator\n")
    assert run(file, "hosts").exit_code == 0
    assert run(file, "prune").exit_code == 0
    assert run(file, "migrate").stdout == "tables: first, as before\n"


def test_a_secret_is_made_shown_once_and_revoked(file: Path) -> None:
    text = run(file, "enrolment", "new", "--note", "rack 1", "--uses", "2").stdout.strip()
    assert re.fullmatch(r"dwe_[0-9a-f-]{36}_[\w-]{43}", text)
    listed = run(file, "enrolment", "list")
    assert "rack 1" in listed.stdout
    assert text not in listed.stdout
    [secret] = json.loads(run(file, "enrolment", "list", "--json").stdout)
    assert run(file, "enrolment", "revoke", secret["id"]).stdout == "revoked\n"
    again = run(file, "enrolment", "revoke", secret["id"])
    assert (again.exit_code, "in force" in again.output) == (1, True)


def test_violations_of_all_hosts_latest_first(tmp_path: Path, file: Path) -> None:
    assert run(file, "check").exit_code == 0
    database = Database.open(f"sqlite:///{tmp_path}/data/collector.db")
    with local_collector(database) as here:
        host = here.enrol("web-1")
        assert here.send(host, host.spool.findings(3)).status_code == 200
    database.close()
    shown = run(file, "violations").stdout.splitlines()
    assert shown[0].split()[:3] == ["AT", "HOST", "CONTAINER"]
    assert [line.split()[2] for line in shown[1:]] == ["web-1"] * 3
    found = json.loads(run(file, "violations", "--json").stdout)
    assert [each["at"] for each in found] == sorted((each["at"] for each in found), reverse=True)
    last = json.loads(run(file, "violations", "--last", "1", "--json").stdout)
    assert last == found[:1]


@pytest.mark.parametrize("words", [["check"], ["hosts"], ["migrate"]])
@pytest.mark.parametrize(
    "content", [b"no database at all" * 100, b"SQLite format 3\0" + b"x" * 4096]
)
def test_a_file_that_is_no_database(
    tmp_path: Path, file: Path, words: list[str], content: bytes
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/collector.db").write_bytes(content)
    done = run(file, *words)
    assert (done.exit_code, "Traceback" in done.output) == (1, False)
    assert "restore it from a backup" in done.output


@pytest.mark.parametrize("words", [[], ["enrolment"], ["enrolment", "new"], ["admin"], ["serve"]])
def test_help(file: Path, words: list[str]) -> None:
    shown = run(file, *words, "--help")
    assert shown.exit_code == 0
    assert "Usage:" in shown.output


def test_every_error_at_once(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(
        '[server]\nworkers = 0\nlisten = "nowhere"\ntls_key = "/k"\n'
        '[retention]\nevents = 3\n[database]\nurl = "mysql://secret:word@host/x"\n'
    )
    environment = {"DOCKWARDEN_COLLECTOR_LIMITS_BURST": "few", "DOCKWARDEN_COLLECTOR_X": "1"}
    with pytest.raises(ConfigInvalid) as caught:
        load(path, environment)
    problems = "\n".join(caught.value.problems)
    for expected in (
        "[server] workers = '0': is less than 1",
        "[server] listen = 'nowhere': does not have the form it needs",
        "[retention] events: there is no such key",
        "DOCKWARDEN_COLLECTOR_LIMITS_BURST = 'few': is not a number",
        "DOCKWARDEN_COLLECTOR_X: there is no such key",
    ):
        assert expected in problems
    assert "word" not in problems


def test_broken_toml_is_placed(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text("[server]\nworkers = \n[page]\n")
    with pytest.raises(ConfigInvalid, match=r"is not TOML at line 2: "):
        load(path, {})
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigInvalid, match="byte 0 is not UTF-8"):
        load(path, {})


def test_keys_that_need_each_other(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(
        '[server]\ntls_key = "/k"\n[page]\noidc_issuer = "https://id.acme.test"\n'
        '[database]\nurl = "mysql://host/x"\n'
    )
    with pytest.raises(ConfigInvalid) as caught:
        load(path, {})
    assert len(caught.value.problems) == 3


def test_the_environment_wins(file: Path) -> None:
    given = {
        "DOCKWARDEN_COLLECTOR_CONFIG": str(file),
        "DOCKWARDEN_COLLECTOR_SERVER_TRUSTED_PROXIES": "10.0.0.1, 10.0.0.2",
        "DOCKWARDEN_COLLECTOR_DATABASE_URL": "postgresql://db.acme.test/dockwarden",
    }
    found = load(None, given)
    assert found.database.url == "postgresql://db.acme.test/dockwarden"
    assert found.server.trusted_proxies == ["10.0.0.1", "10.0.0.2"]


def test_a_file_that_was_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="there is no such file"):
        load(tmp_path / "none.toml", {})


def test_the_reference_names_every_key() -> None:
    text = (Path(__file__).parents[2] / "docs/reference/collector.md").read_text()
    for table, info in Config.model_fields.items():
        assert f"`[{table}]`" in text
        for key in info.annotation.model_fields:  # type: ignore[union-attr] # all are tables
            assert f"`{key}`" in text, f"[{table}] {key}"


def test_a_database_that_does_not_answer_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "collector.toml"
    path.write_text(f'[database]\nurl = "postgresql://x@/y?host={tmp_path}"\n')
    done = run(path, "check")
    assert done.exit_code == 1
    assert "the database does not answer" in done.output
