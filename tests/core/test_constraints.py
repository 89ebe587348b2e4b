"""Repository patterns of constraints."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.decision.constraints import matches


@pytest.mark.parametrize(
    ("pattern", "repository"),
    [
        ("registry.acme.example/app", "registry.acme.example/app"),
        ("registry.acme.example/*", "registry.acme.example/app"),
        ("registry.acme.example/**", "registry.acme.example/approved/docker.io/library/nginx"),
        ("**", "anything/at/all"),
        ("**/nginx", "docker.io/library/nginx"),
        ("*/library/*", "docker.io/library/nginx"),
        ("registry.acme.example/pay-*", "registry.acme.example/pay-web"),
        ("a*b*c", "abbcbc"),
    ],
)
def test_what_matches(pattern: str, repository: str) -> None:
    assert matches(pattern, repository)


@pytest.mark.parametrize(
    ("pattern", "repository"),
    [
        ("registry.acme.example/*", "registry.acme.example/team/app"),
        ("registry.acme.example/**", "registry.acme.example.evil.example/app"),
        ("registry.acme.example/**", "registry.acme.example"),
        ("registry.acme.example/app", "registry.acme.example/app2"),
        ("registry.acme.example/app", "xregistry.acme.example/app"),
        ("registry?acme", "registry.acme"),
        ("registry.acme", "registryxacme"),
        ("", "app"),
        ("*", "a/b"),
    ],
)
def test_what_does_not(pattern: str, repository: str) -> None:
    assert not matches(pattern, repository)


@given(st.text("ab/*", max_size=8), st.text("ab/", max_size=8))
def test_it_agrees_with_the_regular_expression(pattern: str, repository: str) -> None:
    regex = re.sub(r"\*\*?", lambda m: ".*" if m[0] == "**" else "[^/]*", pattern)
    assert matches(pattern, repository) == (re.fullmatch(regex, repository) is not None)
