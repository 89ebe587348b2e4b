"""From a public image to an approved copy: fetch, approve, sign, publish."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.base_errors import DockwardenError
from core.image.reference import Reference
from registrar.workspace import PrivateRegistry
from registrar.workspace.private_registry import read_registry
from tests.lab.built import BuiltImage
from tests.registrar.ceremony import Ceremony
from tests.registrar.registry_server import Stored, make_image, serving

WORDS = ("--scope", "acme", "--reason", "release", "--yes")


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


@pytest.fixture
def upstream() -> Iterator[Stored]:
    with serving() as stored:
        yield stored


@pytest.fixture
def private() -> Iterator[Stored]:
    with serving() as stored:
        yield stored


@pytest.fixture
def admin(tmp_path: Path, private: Stored) -> Ceremony:
    made = Ceremony(tmp_path)
    words = ("--organization", "acme", "--registry", private.address)
    made.run("init", "--solo", "--no-git", *words, str(made.path))
    return made


@pytest.fixture
def image(upstream: Stored) -> BuiltImage:
    return upstream.push(make_image())


def path(upstream: Stored, prefix: str) -> str:
    return f"{prefix}/{upstream.address.replace(':', '_')}/team/web"


def published(admin: Ceremony) -> None:
    admin.signed_by("solo").run("publish")


def test_a_public_image_becomes_an_approved_copy(
    admin: Ceremony, upstream: Stored, private: Stored, image: BuiltImage
) -> None:
    name = upstream.reference(image)
    text = admin.run("fetch", name)
    assert image.top_digest in text
    assert f"copied to  {private.address}/{path(upstream, 'quarantine')}" in text
    assert (path(upstream, "quarantine"), "1") in private.manifests
    asked = len(upstream.requests)
    admin.run("image", "approve", name, *WORDS)
    assert len(upstream.requests) == asked  # the fetched copy is what is approved
    (approval,) = admin.workspace.draft("acme").approvals.values()
    assert approval.repository == f"{private.address}/{path(upstream, 'approved')}"
    assert str(approval.id) == image.top_digest
    assert (path(upstream, "approved"), "1") not in private.manifests
    published(admin)
    assert private.manifests[path(upstream, "approved"), "1"][1] == image.index
    asked = len(private.requests)
    admin.run("publish")  # everything is there
    assert not [one for one in private.requests[asked:] if one[0] == "PUT"]


def test_what_was_not_fetched_is_not_approved(
    admin: Ceremony, upstream: Stored, image: BuiltImage
) -> None:
    text = admin.run("image", "approve", upstream.reference(image), *WORDS, code=1)
    assert "`fetch` the image first" in text


def test_nothing_unsigned_and_nothing_denied_is_copied(
    admin: Ceremony, upstream: Stored, private: Stored, image: BuiltImage
) -> None:
    admin.run("fetch", upstream.reference(image))
    admin.run("image", "approve", upstream.reference(image), *WORDS)
    admin.run("publish")
    assert not [key for key in private.manifests if key[0].startswith("approved/")]
    admin.run("image", "revoke", image.top_digest, "--reason", "CVE-1", "--by", "solo", "-y")
    published(admin)
    assert not [key for key in private.manifests if key[0].startswith("approved/")]


def test_a_copy_that_fails_is_named_and_holds_nothing_back(
    admin: Ceremony, upstream: Stored, private: Stored, image: BuiltImage
) -> None:
    other = upstream.push(make_image("team/other"))
    for one in (image, other):
        admin.run("fetch", upstream.reference(one))
        admin.run("image", "approve", upstream.reference(one), *WORDS)
    quarantined = path(upstream, "quarantine")
    lost = {
        key: private.manifests.pop(key) for key in list(private.manifests) if key[0] == quarantined
    }
    admin.signed_by("solo")
    text = admin.run("publish", code=3)
    assert "acme: 2 approvals" in text
    assert f"{path(upstream, 'approved')}@{image.top_digest}: not copied" in text
    assert (path(upstream, "approved").replace("web", "other"), "1") in private.manifests
    private.manifests |= lost
    admin.run("publish")
    assert (path(upstream, "approved"), "1") in private.manifests


def test_a_folder_needs_no_workspace(tmp_path: Path, upstream: Stored, image: BuiltImage) -> None:
    layout = tmp_path / "layout"
    Ceremony(tmp_path).run("fetch", upstream.reference(image), "--layout", str(layout))
    assert (layout / "blobs" / "sha256" / image.top_digest[7:]).read_bytes() == image.index


def test_without_a_registry_the_fix_is_named(tmp_path: Path) -> None:
    admin = Ceremony(tmp_path).start()
    text = admin.run("fetch", "nginx", code=1)
    assert "registrar.toml: registry: it is missing" in text
    assert "[registry]" in text


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ([], "not a table"),
        ({}, "registry.address"),
        ({"address": "acme/registry"}, "registry.address"),
        ({"address": "https://registry.acme.example"}, "registry.address"),
        ({"address": 5}, "not a text"),
        ({"adress": "registry.acme.example"}, "unknown key 'adress'"),
        ({"address": "registry.acme.example", "approved": "Approved"}, "registry.approved"),
        ({"address": "registry.acme.example", "approved": "quarantine"}, "registry.quarantine"),
    ],
)
def test_a_wrong_table_is_named(table: object, word: str) -> None:
    with pytest.raises(DockwardenError, match=word):
        read_registry("registrar.toml: registry", table)


def test_names_lead_there_and_back() -> None:
    registry = PrivateRegistry("registry.acme.example")
    public = Reference("library/nginx", "docker.io", "1.27")
    fetched = registry.in_quarantine(public)
    assert str(fetched) == "registry.acme.example/quarantine/docker.io/library/nginx:1.27"
    approved = registry.approved_for(fetched)
    assert str(approved) == "registry.acme.example/approved/docker.io/library/nginx:1.27"
    assert registry.fetched_for(approved) == fetched
    own = Reference("pay/web", "registry.acme.example", "1")
    assert registry.in_quarantine(own) == own == registry.approved_for(own)
    assert registry.fetched_for(own) is None
