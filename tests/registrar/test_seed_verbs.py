"""`seed`: proposals from an engine, from findings and from a list; reviewed, then approved."""

import http.server
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lab.built import BuiltImage
from tests.registrar.admin_folder import AdminFolder
from tests.registrar.registry_server import Stored, make_image, serving

WORDS = ("--requester", "ops", "--approver", "ann", "--reason", "runs already", "-y")


@pytest.fixture
def stored() -> Iterator[Stored]:
    with serving() as served:
        yield served


@pytest.fixture
def admin(tmp_path: Path) -> AdminFolder:
    return AdminFolder(tmp_path)


@pytest.fixture
def proposal(tmp_path: Path) -> Path:
    return tmp_path / "seed.json"


def review(path: Path, **changes: Any) -> list[dict[str, Any]]:
    """Put a name to a proposal; `changes` go to its first image."""
    document = json.loads(path.read_text())
    assert document["reviewed_by"] == ""
    document["reviewed_by"] = "ann"
    document["images"][0].update(changes)
    path.write_text(json.dumps(document))
    images: list[dict[str, Any]] = document["images"]
    return images


@contextmanager
def engine(path: Path, answers: dict[str, Any]) -> Iterator[Path]:
    """An engine's API that knows these answers."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answers.get(self.path)).encode()
            self.send_response(200 if self.path in answers else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def address_string(self) -> str:
            return "unix"

        def log_message(self, *_arguments: object) -> None:
            """Tests print nothing."""

    with socketserver.ThreadingUnixStreamServer(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield path
        server.shutdown()
        thread.join()


def running(stored: Stored, built: BuiltImage) -> dict[str, Any]:
    image_id = built.config_digests["linux/amd64"]
    local = f"sha256:{'5' * 64}"
    one = {"ImageID": image_id, "Image": stored.reference(built)}
    return {
        "/containers/json": [one, one, {"ImageID": local, "Image": "made-here"}],
        "/images/json": [{"Id": f"sha256:{'6' * 64}", "RepoTags": ["docker.io/spare:1"]}],
        f"/images/{image_id.replace(':', '%3A')}/json": {
            "RepoDigests": [f"{stored.address}/team/web@{built.top_digest}"]
        },
        f"/images/{local.replace(':', '%3A')}/json": {"RepoDigests": []},
        f"/images/sha256%3A{'6' * 64}/json": {"RepoDigests": []},
    }


def test_what_an_engine_runs_is_proposed_reviewed_and_approved(
    admin: AdminFolder, stored: Stored, tmp_path: Path, proposal: Path
) -> None:
    web = stored.push(make_image())
    before = admin.files()
    with engine(tmp_path / "e.sock", running(stored, web)) as socket:
        out = admin.fine("seed", "--from-docker", socket, "--to", proposal)
    assert "2 images to review; nothing is approved yet" in out
    assert admin.files() == before
    command = ("image", "approve", "--from", proposal, "--scope", "acme", *WORDS)
    ran = admin.run(*command)
    assert ran.code == 1
    assert "$.reviewed_by is empty" in ran.err
    first, second = review(proposal)
    assert first["reference"] == f"{stored.address}/team/web:1@{web.top_digest}"
    assert (first["containers"], first["approve"]) == (2, True)
    assert (second["reference"], second["approve"]) == ("docker.io/library/made-here", False)
    admin.fine(*command)
    assert admin.verdict(web.config_digests["linux/amd64"], "acme") == "approved"
    assert len(admin.workspace.draft("acme").approvals) == 1


def test_images_that_no_container_uses_are_proposed_when_asked_for(
    admin: AdminFolder, stored: Stored, tmp_path: Path, proposal: Path
) -> None:
    web = stored.push(make_image())
    with engine(tmp_path / "e.sock", running(stored, web)) as socket:
        admin.fine("seed", "--from-docker", socket, "--every-image", "--to", proposal)
    assert {one["reference"]: one["containers"] for one in review(proposal)} == {
        f"{stored.address}/team/web:1@{web.top_digest}": 2,
        "docker.io/library/made-here": 1,
        "docker.io/library/spare:1": 0,
    }


def test_what_is_approved_already_is_left_out(
    admin: AdminFolder, stored: Stored, tmp_path: Path, proposal: Path
) -> None:
    web = stored.push(make_image())
    admin.approve(stored.reference(web), scope="acme")
    with engine(tmp_path / "e.sock", running(stored, web)) as socket:
        admin.fine("seed", "--from-docker", socket, "--scope", "acme", "--to", proposal)
    assert [one["reference"] for one in review(proposal)] == ["docker.io/library/made-here"]


def finding(reference: str, image_id: str, verdict: str = "unlisted") -> str:
    container = {"claimed_reference": reference, "image": {"id": image_id}}
    return json.dumps({"container": container, "decision": {"verdict": verdict}})


def test_findings_propose_and_the_registry_has_to_hold_what_ran(
    admin: AdminFolder, stored: Stored, tmp_path: Path, proposal: Path
) -> None:
    web, other = stored.push(make_image()), stored.push(make_image("team/other"))
    lines = [
        finding(stored.reference(web), web.config_digests["linux/amd64"]),
        finding(stored.reference(web), web.config_digests["linux/amd64"]),
        finding(stored.reference(other), f"sha256:{'7' * 64}"),
        finding("nginx:1", f"sha256:{'8' * 64}", "approved"),
        '{"event": "agent.started"}',
        "torn",
    ]
    (tmp_path / "findings.jsonl").write_text("\n".join(lines))
    ran = admin.run("seed", "--from-findings", tmp_path / "findings.jsonl", "--to", proposal)
    assert "1 line could not be read" in ran.err
    assert [one["containers"] for one in review(proposal)] == [2, 1]
    command = ("image", "approve", "--from", proposal, "--scope", "acme", *WORDS)
    before = admin.files()
    ran = admin.run(*command)
    assert (ran.code, admin.files()) == (1, before)
    assert "but the host runs sha256:7777" in ran.err
    admin.fine(*command, "--skip-failed")
    assert [str(one) for one in admin.workspace.draft("acme").approvals] == [web.top_digest]


def test_a_list_of_references_becomes_a_proposal(
    admin: AdminFolder, stored: Stored, tmp_path: Path, proposal: Path
) -> None:
    web = stored.push(make_image())
    reference = stored.reference(web)
    (tmp_path / "list").write_text(f"# ours\n{reference}\n\n{reference}  # twice\n")
    admin.fine("seed", "--from-file", tmp_path / "list", "--to", proposal)
    assert [one["reference"] for one in review(proposal)] == [reference]
    again = admin.run("seed", "--from-file", tmp_path / "list", "--to", proposal)
    assert "it exists already" in again.err
    (tmp_path / "list").write_text("fine\nNOT/fine:::\n")
    wrong = admin.run("seed", "--from-file", tmp_path / "list", "--to", tmp_path / "other")
    assert "list: line 2:" in wrong.err


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"approve": "maybe"}, "$.images[0].approve is neither"),
        ({"image_id": "sha256:1"}, "$.images[0].image_id"),
        ({"reference": 3}, "$.images[0].reference"),
        ({"approve": False}, "no image is to be approved"),
    ],
)
def test_a_broken_review_names_the_place(
    admin: AdminFolder, tmp_path: Path, proposal: Path, changes: dict[str, Any], word: str
) -> None:
    (tmp_path / "list").write_text("nginx:1")
    admin.fine("seed", "--from-file", tmp_path / "list", "--to", proposal)
    review(proposal, **changes)
    ran = admin.run("image", "approve", "--from", proposal, "--scope", "acme", *WORDS)
    assert ran.code == 1
    assert word in ran.err


def test_an_engine_that_is_away_is_reported(admin: AdminFolder, tmp_path: Path) -> None:
    (tmp_path / "e.sock").touch()
    ran = admin.run("seed", "--from-docker", tmp_path / "e.sock", "--to", tmp_path / "seed.json")
    assert ran.code == 1
    assert "the engine does not answer" in ran.err


def test_one_source_is_named(admin: AdminFolder) -> None:
    assert admin.run("seed").code == 2
