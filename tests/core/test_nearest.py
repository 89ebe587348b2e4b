"""The nearest approved image and the sentence that a refused developer reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.allowlist.allowlist import Approval
from core.allowlist.nearest import nearest_approved, next_step
from tests.core.build import DAY, NOW, approval, digest
from tests.core.strategies import approvals

HOME = "registry.acme.example/approved/docker.io/library"


def nginx(*tags: str, repository: str = f"{HOME}/nginx", age: int = 0) -> Approval:
    return approval("nginx", repository=repository, tags=tags, approved_at=NOW - age * DAY)


@pytest.mark.parametrize(
    "asked",
    [
        "nginx",
        "nginx:1.25",
        "docker.io/library/nginx",
        "index.docker.io/nginx:1.25",
        f"nginx@{digest('evil')}",
        f"{HOME}/nginx:1.25",
        "other.example/library/nginx",
        "bitnami/nginx",
    ],
)
def test_the_same_repository_is_found_however_it_is_written(asked: str) -> None:
    found = nginx("1.26")
    assert nearest_approved(asked, [approval(repository=f"{HOME}/redis"), found]) == (found,)


def test_the_longest_common_path_is_the_same_repository() -> None:
    official, bitnami = nginx("1"), nginx("2", repository="registry.acme.example/bitnami/nginx")
    assert nearest_approved("nginx:2", [bitnami, official]) == (official,)
    assert nearest_approved("bitnami/nginx:1", [official, bitnami]) == (bitnami,)


@pytest.mark.parametrize("asked", ["redis", "nginx2", "nginx/exporter", "library/ginx"])
def test_another_repository_is_not(asked: str) -> None:
    assert nearest_approved(asked, [nginx("1.26")]) == ()


@pytest.mark.parametrize(
    ("asked", "order"),
    [
        ("1.25.3", ["1.25.3", "1.25.4", "1.25.1", "1.25", "1.26.0", "1.20", "2.0", "stable"]),
        ("1.25-alpine", ["1.26-alpine", "1.24-alpine", "1.25", "1.25-bookworm", "1.26"]),
        ("v2.1", ["2.1", "v2.2", "v1"]),
        ("latest", ["latest", "1.0"]),
    ],
)
def test_the_closest_version_comes_first(asked: str, order: list[str]) -> None:
    listed = [nginx(tag, age=n) for n, tag in enumerate(sorted(order))]
    if asked == "1.25-alpine":  # the same distance: the newer approval first
        listed = [nginx(tag, age=n) for n, tag in enumerate(order)]
    nearest = nearest_approved(f"nginx:{asked}", listed, limit=99)
    assert [found.tags[0] for found in nearest] == order


def test_then_the_newest_approval() -> None:
    old, new, undated = nginx("a", age=9), nginx("b", age=1), nginx("c")
    undated = approval(repository=f"{HOME}/nginx", tags=("c",))
    assert nearest_approved("nginx", [undated, old, new]) == (new, old, undated)
    assert nearest_approved("nginx", [undated, old, new], limit=1) == (new,)


def test_what_has_ended_is_left_out() -> None:
    ended = approval(repository=f"{HOME}/nginx", expires_at=NOW)
    assert nearest_approved("nginx", [ended], now=NOW) == ()
    assert nearest_approved("nginx", [ended]) == (ended,)


def test_an_ended_approval_of_a_nearer_repository_hides_none() -> None:
    ended = approval(repository=f"{HOME}/nginx", expires_at=NOW)
    other = nginx("1", repository="registry.acme.example/bitnami/nginx")
    assert nearest_approved("nginx", [ended, other], now=NOW) == (other,)


def test_the_next_step_is_a_command_and_a_name() -> None:
    listed = approval(
        "nginx", repository=f"{HOME}/nginx", tags=("1.25.4", "1.26"), pull=digest("nginx")
    )
    assert next_step("nginx:1.25.3", [listed], "platform@acme.example") == (
        f"Use the approved image instead: docker pull {HOME}/nginx:1.25.4@{digest('nginx')}."
        " If you need another one, ask platform@acme.example."
    )


def test_without_a_pull_digest_the_tag_alone_is_named() -> None:
    step = next_step("nginx", [nginx("1.26")], "ann")
    assert f"docker pull {HOME}/nginx:1.26. " in step


def test_when_nothing_is_near_somebody_is() -> None:
    assert next_step("docker.io/library/redis:7", [nginx("1")], "") == (
        "No image of redis:7 is approved for this host: ask your registry administrators"
        " to approve it."
    )


@pytest.mark.parametrize("asked", ["", str(digest("x")), digest("x").hex, "Bad Name", "\x1b[2J"])
def test_what_names_no_repository_is_answered_too(asked: str) -> None:
    assert nearest_approved(asked, [nginx("1")]) == ()
    assert next_step(asked, [nginx("1")], "ann\x1b[2J\nroot") == (
        "Its reference names no repository, so no similar approved image is known: "
        "ask ann\\x1b[2J\\nroot."
    )


@given(st.text() | st.from_regex(r"[a-z/.:0-9-]{1,20}"), st.lists(approvals()), st.text())
def test_any_text_is_answered_in_one_printable_line(
    asked: str, listed: list[Approval], contact: str
) -> None:
    step = next_step(asked, listed, contact, now=NOW)
    assert step.isprintable()
    assert step.endswith(".")
    nearest = nearest_approved(asked, listed)
    assert len(nearest) <= 3
    assert set(nearest) <= set(listed)


def test_what_may_not_run_is_never_recommended() -> None:
    newest, older = nginx("1.27"), nginx("1.26")
    step = next_step("nginx:1.27", [newest, older], "", now=NOW, usable=lambda a: a is older)
    assert "1.26" in step
    assert "1.27@" not in step
