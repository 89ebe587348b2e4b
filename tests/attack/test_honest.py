"""What looks like an attack and is none: rotations, recoveries, older lists. All is adopted."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.attack.server import send, serving
from tests.attack.stage import HOST_SCOPE, Stage
from tests.sync.roles import new_key

FAR = 2**31


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with Stage(tmp_path) as stage:
        assert stage.sync().error == ""
        yield stage


def adopts(stage: Stage, name: str, *, scope: str = HOST_SCOPE) -> None:
    """A publication that approves this image reaches the host whole."""
    stage.admins.approve(scope, name)
    stage.admins.publish()
    answer = stage.sync()
    assert answer.error == ""
    assert [report.problem for report in answer.scopes] == [""] * 4
    assert stage.enforced().approves(name, "web", "pay")
    assert stage.enforced().denies("evil", "old")
    stage.enforced().check_whole()


def rotate(stage: Stage, *roles: str) -> None:
    """New keys for these roles, the root signed by the old and the new ones."""
    old = stage.admins.keys["root"]
    for role in roles:
        count = len(stage.admins.keys[role])
        stage.admins.keys[role] = [new_key(f"{role}-next-{n + 1}") for n in range(count)]
    stage.admins.publish_keys(signers=old if "root" in roles else ())
    for role in set(roles) & {"emergency", *stage.admins.scopes}:
        stage.admins.release(role)
    stage.admins.release("snapshot")
    stage.admins.release("timestamp")


@pytest.mark.parametrize("role", ["root", "targets", "snapshot", "timestamp", "acme", "emergency"])
def test_rotated_keys_are_followed(stage: Stage, role: str) -> None:
    rotate(stage, role)
    adopts(stage, "after")


def test_the_keys_that_went_sign_nothing_any_more(stage: Stage) -> None:
    thief = stage.admins.fork()
    rotate(stage, "acme")
    adopts(stage, "after")
    stage.admins.keys["acme"] = thief.keys["acme"]
    stage.admins.approve("acme", "evil2")
    stage.admins.publish()
    assert stage.sync().scopes[0].problem
    assert not stage.enforced().approves("evil2")


def test_all_keys_rotated_at_once(stage: Stage) -> None:
    rotate(stage, *stage.admins.keys)
    adopts(stage, "after")


def test_a_host_that_slept_through_twenty_roots(stage: Stage) -> None:
    for _ in range(20):
        rotate(stage, "root")
    adopts(stage, "after")


def test_signers_are_named_as_they_are_now(stage: Stage) -> None:
    rotate(stage, "acme")
    adopts(stage, "after", scope="acme")
    assert stage.sync().scopes[0].signers == ("acme-next-1", "acme-next-2", "acme-next-3")


@pytest.mark.parametrize("wiped", [False, True])
def test_recovery_from_a_fast_forward_of_the_online_roles(stage: Stage, wiped: bool) -> None:
    """TUF 1.0, section 5.3.11: new online keys end what the old ones did to the versions."""
    thief = stage.admins.fork()
    thief.release("snapshot", version=FAR)
    thief.release("timestamp", version=FAR)
    assert stage.sync().error == ""
    if wiped:
        stage.forget()
    rotate(stage, "snapshot", "timestamp")
    adopts(stage, "after")


def test_recovery_from_a_fast_forward_of_a_scope(stage: Stage) -> None:
    thief = stage.admins.fork()
    thief.release("acme", version=FAR)
    thief.release("snapshot")
    thief.release("timestamp")
    assert stage.sync().error == ""
    rotate(stage, "acme", "snapshot", "timestamp")
    adopts(stage, "after", scope="acme")


def test_without_new_online_keys_a_fast_forward_stays(stage: Stage) -> None:
    thief = stage.admins.fork()
    thief.release("snapshot", version=FAR)
    thief.release("timestamp", version=FAR)
    assert stage.sync().error == ""
    rotate(stage, "root", "targets", "acme")
    stage.admins.approve(HOST_SCOPE, "after")
    stage.admins.publish()
    assert stage.sync().error
    assert not stage.enforced().approves("after")


def test_a_list_of_the_oldest_shape_is_readable(stage: Stage) -> None:
    """Format 1 as it began: nothing but what it demands."""
    bare = stage.admins.approve(HOST_SCOPE, "bare")
    for optional in ("requester", "reason", "tags"):
        bare[optional] = [] if optional == "tags" else ""
    del bare["requester"], bare["reason"]
    adopts(stage, "bare2")
    assert stage.enforced().approves("bare")


def test_denies_are_adopted_though_the_list_beside_them_is_broken(stage: Stage) -> None:
    stage.admins.deny("acme", "pay")
    stage.admins.contents["acme"].extra = {"count": 99}
    stage.admins.publish()
    assert "count" in stage.sync().scopes[0].problem
    assert stage.enforced().denies("pay", "evil", "old")


def test_a_broken_application_blocks_no_upper_deny(stage: Stage) -> None:
    stage.admins.deny("acme", "pay")
    stage.admins.contents[HOST_SCOPE].extra = {"format": 9}
    stage.admins.approve(HOST_SCOPE, "lost")
    stage.admins.publish()
    answer = stage.sync()
    assert [bool(report.problem) for report in answer.scopes] == [False, False, True, False]
    assert stage.enforced().denies("pay")
    assert stage.enforced().approves("web", "web2")
    stage.admins.contents[HOST_SCOPE].extra = {}
    adopts_again(stage)


def adopts_again(stage: Stage) -> None:
    """What was lost comes with the next honest publication."""
    stage.admins.approve(HOST_SCOPE, "found")
    stage.admins.publish()
    assert stage.sync().error == ""
    assert stage.enforced().approves("lost", "found", "web")


@pytest.mark.parametrize("file", ["CURRENT", "rollback_floor.json"])
def test_a_file_of_the_host_that_was_spoilt_is_reported_or_healed(stage: Stage, file: str) -> None:
    (stage.directory / file).write_bytes(b"\0garbage")
    answer = stage.sync()
    if answer.error:
        assert file in answer.error
        stage.forget(file)
        assert stage.sync().error == ""
    adopts(stage, "after")


def test_a_redirect_is_followed_without_the_password(stage: Stage) -> None:
    """Object stores send one to a signed address elsewhere; what comes is verified all the same."""
    asked: list[tuple[str, str | None]] = []
    with serving(stage.admins.path) as other:

        def moved(request: BaseHTTPRequestHandler) -> None:
            asked.append(("first", request.headers["Authorization"]))
            request.send_response(302)
            request.send_header("Location", f"{other.url}{request.path}?elsewhere")
            request.end_headers()

        def found(request: BaseHTTPRequestHandler) -> None:
            asked.append(("other", request.headers["Authorization"]))
            file = request.path.partition("?")[0].lstrip("/")
            send(request, (stage.admins.path / file).read_bytes())

        stage.server.misbehave(".list.json", moved)
        other.misbehave("?elsewhere", found)
        stage.source = stage.server.url.replace("://", "://ada:secret@")
        adopts(stage, "after")
    assert {who for who, password in asked if password} == {"first"}
    assert ("other", None) in asked
