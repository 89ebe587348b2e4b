"""What leaves the host in a support bundle, and that no secret does."""

import json
import tarfile
from pathlib import Path

import pytest

from agent.doctor.redaction import redactor
from tests.cli.conftest import Host
from tests.cli.test_ask_agent import STATUS

SECRETS = {
    "enrolment": "enrol-5f0c1b",
    "token": "host-token-77aa12",
    "webhook": "T00/B00/hook-path-9d2",
    "hmac": "hmac-key-31c9",
    "password": "pa55-in-url",
    "label": "label-secret-4410",
    "command": "pw-in-command-6621",
    "contact": "credential-contact-8123",
}


def _secretive(host: Host) -> None:
    host.write("token.json", json.dumps({"host_id": "h", "token": SECRETS["token"]}))
    host.write("hmac", SECRETS["hmac"] + "\n")
    host.configure(
        '[collector]\nurl = "https://collector.acme.test"\n'
        f'token_file = "{host.folder}/token.json"\n'
        f'enrolment_secret = "{SECRETS["enrolment"]}"\n'
        f'[sinks.webhook]\nurl = "https://hooks.acme.test/{SECRETS["webhook"]}"\n'
        f'secret_file = "{host.folder}/hmac"\n'
    )
    said = [f"https://ops:{SECRETS['password']}@proxy.acme.test", f"sent {SECRETS['token']}"]
    host.serve({"status": lambda _: {**STATUS, "degraded": said}})
    host.record(
        {"damaged": SECRETS["label"]},
        {
            "at": "2026-11-23T10:00:00+00:00",
            "summary": f"the sink said {SECRETS['hmac']}",
            "container": {
                "name": "web",
                "labels": {"pw": SECRETS["label"]},
                "command": f"db -p{SECRETS['command']}",
            },
        },
    )


def test_no_secret_gets_in(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    _secretive(host)
    credentials = host.folder / "credentials"
    credentials.mkdir()
    host.write("credentials/dockwarden.agent.contact", SECRETS["contact"])
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    path = host.folder / "b.tar.gz"
    result = host.run("support-bundle", "--file", str(path))
    assert result.exit_code == 0, result.output
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(path) as tar:
        files = {Path(m.name).name: tar.extractfile(m) for m in tar}
        texts = {name: file.read().decode() for name, file in files.items() if file}
    assert list(texts) == [
        "versions.json",
        "configuration.toml",
        "status.json",
        "doctor.json",
        "findings.jsonl",
        "journal.txt",
    ]
    whole = "".join(texts.values())
    assert [name for name, secret in SECRETS.items() if secret in whole] == []
    assert "hooks.acme.test" in texts["configuration.toml"]
    assert json.loads(texts["status.json"])["allowlist"]["sequence"] == 42
    assert '"web"' in texts["findings.jsonl"]


def test_list_writes_nothing(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(host.folder)
    before = set(host.folder.iterdir())
    result = host.run("support-bundle", "--list", "-o", "json")
    answer = json.loads(result.stdout)
    assert answer["file"] is None and len(answer["members"]) == 6
    assert set(host.folder.iterdir()) == before


def test_never_over_another_file(host: Host) -> None:
    path = host.write("b.tar.gz", "mine")
    result = host.run("support-bundle", "--file", str(path))
    assert result.exit_code == 1 and path.read_text() == "mine"


def test_a_wrong_configuration_is_in_it(host: Host) -> None:
    host.configure("[agent]\nmod = 1\n")
    path = host.folder / "b.tar.gz"
    assert host.run("support-bundle", "--file", str(path)).exit_code == 0


@pytest.mark.parametrize(
    "text",
    [
        "password=S3CRET-x",
        '"token": "S3CRET-x"',
        "Authorization: Bearer S3CRET-x",
        "https://u:S3CRET-x@host/",
        "-----BEGIN PRIVATE KEY-----\nS3CRET-x\n-----END PRIVATE KEY-----",
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str) -> None:
    assert "S3CRET" not in redactor(None)(text)
