"""References against the published vectors of the grammar.

The facts in the tables are those of distribution/reference (reference_test.go, regexp_test.go,
normalize_test.go; https://github.com/distribution/reference), in our own order and form.
"""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.base_errors import InvalidReference
from core.image.digest import Digest
from core.image.reference import PATH_LIMIT, Reference, is_repository, is_tag, normalise

F256, F512 = "sha256:" + "f" * 64, "sha512:" + "f" * 128
HEX = "1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a"
LONGEST = "a/" * 127 + "a"  # as one path: 255 characters

# text: domain, path, tag, digest
PARSED = {
    "test_com": ("", "test_com", "", ""),
    "test.com:tag": ("", "test.com", "tag", ""),
    "test.com:5000": ("", "test.com", "5000", ""),
    "test.com/repo:tag": ("test.com", "repo", "tag", ""),
    "test:5000/repo": ("test:5000", "repo", "", ""),
    "test:5000/repo:tag": ("test:5000", "repo", "tag", ""),
    f"test:5000/repo@{F256}": ("test:5000", "repo", "", F256),
    f"test:5000/repo:tag@{F256}": ("test:5000", "repo", "tag", F256),
    "lowercase:Uppercase": ("", "lowercase", "Uppercase", ""),
    f"{LONGEST}:tag-over-max": ("a", "a/" * 126 + "a", "tag-over-max", ""),
    f"example.com/{'a' * 255}:tag": ("example.com", "a" * 255, "tag", ""),
    "sub-dom1.foo.com/bar/baz/quux": ("sub-dom1.foo.com", "bar/baz/quux", "", ""),
    "b.gcr.io/test.example.com/my-app:t.e.c": ("b.gcr.io", "test.example.com/my-app", "t.e.c", ""),
    "xn--n3h.com/myimage:xn--n3h.com": ("xn--n3h.com", "myimage", "xn--n3h.com", ""),
    f"xn--7o8h.com/myimage:t@{F512}": ("xn--7o8h.com", "myimage", "t", F512),
    "foo_bar.com:8080": ("", "foo_bar.com", "8080", ""),
    "foo/foo_bar.com:8080": ("foo", "foo_bar.com", "8080", ""),
    "192.168.1.1": ("", "192.168.1.1", "", ""),
    "192.168.1.1:5000": ("", "192.168.1.1", "5000", ""),
    "192.168.1.1:5000/repo:5050": ("192.168.1.1:5000", "repo", "5050", ""),
    "[2001:db8::1]/repo": ("[2001:db8::1]", "repo", "", ""),
    "[2001:db8:1:2:3:4:5:6]/repo:tag": ("[2001:db8:1:2:3:4:5:6]", "repo", "tag", ""),
    f"[2001:db8::1]:5000/repo:tag@{F256}": ("[2001:db8::1]:5000", "repo", "tag", F256),
    "[::1]:5000/repo": ("[::1]:5000", "repo", "", ""),
    "[fd00123123123]:75050/repo": ("[fd00123123123]:75050", "repo", "", ""),
    "192.168.1.1:750050/repo": ("192.168.1.1:750050", "repo", "", ""),
    "Asdf.com/foo/bar": ("Asdf.com", "foo/bar", "", ""),
    "a.b/c": ("a.b", "c", "", ""),
    "aa-a/a": ("aa-a", "a", "", ""),
    "do__cker/docker": ("", "do__cker/docker", "", ""),
    "registry.io/foo/project--id.module--name.ver---sion--name": (
        "registry.io",
        "foo/project--id.module--name.ver---sion--name",
        "",
        "",
    ),
    "example.com/some_separator__underscore/my": (
        "example.com",
        "some_separator__underscore/my",
        "",
        "",
    ),
    "localhost:8080/name:tag": ("localhost:8080", "name", "tag", ""),
    f"localhost:8080@{F256}": ("", "localhost", "8080", F256),
    f"docker.io/{HEX}": ("docker.io", HEX, "", ""),
}

REFUSED = [
    "",
    ":justtag",
    f"@{F256}",
    "repo@sha256:ffffffffffffffffffffffffffffffffff",
    f"validname@invaliddigest:{'f' * 64}",
    f"name@sha256:{'F' * 64}",
    "registry.com:8080/myapp@bad",
    "registry.com:8080/myapp@2bad",
    "registry.com:8080/myapp:invalid~tag",
    "Uppercase:tag",
    "test:5000/Uppercase/lowercase:tag",
    f"domain/{'a' * 256}:tag",
    "aa/asdf$$^/aa",
    "[2001:db8::1]",
    "[2001:db8::1]:5000",
    "[2001:db8::1]:tag",
    "[fe80::1%eth0]:5000/repo",
    "[fe80::1%@invalidzone]:5000/repo",
    "[fd00:1:2::3]75050/repo",
    "[fd00:1:2::3]::75050/repo",
    "fd00:1:2::3:75050/repo",
    "[2001:db8:3:4::192.0.2.33]:5000/debian",
    "test.com:http/repo",
    "foo_bar.com:8080/app",
    "https://github.com/docker/docker",
    "docker/Docker",
    "-docker/docker",
    "docker-/docker",
    "docker///docker",
    "docker/",
    "docker./docker",
    "do..cker/docker",
    "dock_.er/docker",
    "dock-.er/docker",
    "____/____",
    "example.com/__underscore/myimage",
    "example.com/..dots/myimage",
    "foo.com/a-/a/a",
    "foo/bar-",
    HEX,
    "name:" + "t" * 129,
    "name:-tag",
    "name\n",
    "naïve",
    "a" * 2000,
]

# familiar form, full repository
NORMALISED = {
    "redis": ("redis", "docker.io/library/redis"),
    "docker.io/debian": ("debian", "docker.io/library/debian"),
    "index.docker.io/debian": ("debian", "docker.io/library/debian"),
    "index.docker.io/docker/docker": ("docker/docker", "docker.io/docker/docker"),
    "library/ubuntu": ("ubuntu", "docker.io/library/ubuntu"),
    "fooo/bar": ("fooo/bar", "docker.io/fooo/bar"),
    "other/library": ("other/library", "docker.io/other/library"),
    "library/foo/bar": ("library/foo/bar", "docker.io/library/foo/bar"),
    "127.0.0.1:8000/privatebase": ("127.0.0.1:8000/privatebase", "127.0.0.1:8000/privatebase"),
    "example.com/privatebase": ("example.com/privatebase", "example.com/privatebase"),
    "localhost/app": ("localhost/app", "localhost/app"),
    "test_com/foo": ("test_com/foo", "docker.io/test_com/foo"),
    "test-com:8080/foo": ("test-com:8080/foo", "test-com:8080/foo"),
    "Foo/bar": ("Foo/bar", "Foo/bar"),
    "[fc00::1]:5000/docker": ("[fc00::1]:5000/docker", "[fc00::1]:5000/docker"),
    f"busybox:latest@{F256}": (f"busybox:latest@{F256}", "docker.io/library/busybox"),
    "192.168.0.1:80": ("192.168.0.1:80", "docker.io/library/192.168.0.1"),
}


@pytest.mark.parametrize(("text", "parts"), PARSED.items())
def test_published_references_are_read(text: str, parts: tuple[str, str, str, str]) -> None:
    reference = Reference.parse(text)
    domain, path, tag, digest = parts
    assert (reference.domain, reference.path, reference.tag) == (domain, path, tag)
    assert reference.digest == (Digest.parse(digest) if digest else None)
    assert str(reference) == text


@pytest.mark.parametrize("text", REFUSED)
def test_published_errors_are_refused(text: str) -> None:
    with pytest.raises(InvalidReference) as caught:
        Reference.parse(text)
    assert caught.value.hint


def test_an_image_id_is_distinguished_from_a_name() -> None:
    with pytest.raises(InvalidReference, match="image ID"):
        Reference.parse(HEX)


def test_capitals_are_named_as_the_fault() -> None:
    with pytest.raises(InvalidReference, match="lower case"):
        Reference.parse("registry.example/Team/app")


@pytest.mark.parametrize(("text", "forms"), NORMALISED.items())
def test_normalised_as_docker_does(text: str, forms: tuple[str, str]) -> None:
    full = normalise(Reference.parse(text))
    assert (full.familiar, full.repository) == forms


def test_a_path_that_becomes_too_long_when_completed_is_refused() -> None:
    with pytest.raises(InvalidReference, match=str(PATH_LIMIT)):
        normalise(Reference.parse("a" * 250))


reference_like = st.text("aB0._-:/@[]%", max_size=40) | st.from_regex(
    r"[a-z.:0-9]{1,9}(/[a-z0-9_.-]{1,5}){0,3}(:[\w.-]{1,5})?", fullmatch=True
)


@given(st.text() | reference_like)
@example("a-" * 500)
@example("a" * 1023 + "-")
@example("a/" * 500 + "!")
def test_any_text_is_a_reference_or_one_named_error(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except InvalidReference:
        return
    assert str(reference) == text
    assert is_repository(reference.repository) or reference.repository == HEX
    try:
        full = normalise(reference)
    except InvalidReference:
        assert len(text) > PATH_LIMIT - len("library/")
        return
    assert normalise(full) == full == normalise(Reference.parse(full.familiar))


@pytest.mark.parametrize("text", ["1.25-alpine", "_", "A" * 128])
def test_tags(text: str) -> None:
    assert is_tag(text)


@pytest.mark.parametrize("text", ["", ".1", "-1", "a:b", "a" * 129, "a\n", "ä"])
def test_what_is_no_tag(text: str) -> None:
    assert not is_tag(text)


@pytest.mark.parametrize("text", ["app:1", f"app@{F256}", "App", "", "app:"])
def test_what_is_no_repository(text: str) -> None:
    assert not is_repository(text)
