"""Resolving: every digest of an image, and nothing that is not one."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from core.image.digest import Digest
from registrar.images.batch_resolution import resolve_batch
from registrar.images.resolve import ResolvedImage, resolve
from registrar.registry import NotAsClaimed, NotInRegistry, Registries
from registrar.registry.manifests import OCI_INDEX, OCI_MANIFEST
from tests.lab.built import BuiltImage, Media, canonical, descriptor
from tests.registrar.registry_server import PLATFORMS, Stored, entry, make_image, serving

STATEMENT = "application/vnd.in-toto+json"


@pytest.fixture
def stored() -> Iterator[Stored]:
    with serving() as served:
        yield served


@pytest.fixture
def registries(tmp_path: Any) -> Registries:
    return Registries(docker_config=tmp_path / "none.json")


def texts(image: ResolvedImage) -> set[str]:
    return {str(digest) for digest in image.digests}


@pytest.mark.parametrize("media", ["docker", "oci"])
def test_all_digests_of_all_platforms(stored: Stored, registries: Registries, media: Media) -> None:
    built = stored.push(make_image(media=media))
    image = resolve(stored.reference(built), registries)
    assert texts(image) == built.digests | set(built.chain_ids.values())
    assert str(image.index) == built.index_digest
    assert [one.platform for one in image.platforms] == list(PLATFORMS)
    assert {one.platform: str(one.chain_id) for one in image.platforms} == built.chain_ids
    assert image.tags == ("1",)
    assert image.repository == f"{stored.address}/team/web"


def test_an_image_that_is_one_manifest_has_its_platform_from_its_config(
    stored: Stored, registries: Registries
) -> None:
    built = stored.push(make_image(index=False, platforms=("linux/arm64",)))
    image = resolve(stored.reference(built), registries)
    assert (image.index, str(image.id)) == (None, built.top_digest)
    assert image.platforms[0].platform == "linux/arm64"


def test_a_tag_that_names_something_else_is_refused(stored: Stored, registries: Registries) -> None:
    built, other = stored.push(make_image()), stored.push(make_image(tag="2"))
    same = f"{stored.address}/team/web:1"
    with pytest.raises(NotAsClaimed, match=f"web:2 is {other.top_digest} now"):
        resolve(same, registries, tags=("2",))
    with pytest.raises(NotAsClaimed, match="web:2 is"):
        resolve(f"{stored.address}/team/web:2@{built.top_digest}", registries)
    stored.push(built, tag="latest")
    assert resolve(same, registries, tags=("latest",)).tags == ("1", "latest")


def with_entry(built: BuiltImage, *extra: dict[str, Any]) -> bytes:
    listed = json.loads(built.index or b"")
    listed["manifests"] += extra
    return canonical(listed)


def unknown(kind: str) -> bytes:
    layer, config = b"{}", canonical({"rootfs": {"diff_ids": [str(Digest.of(b"{}"))]}})
    return canonical(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor("application/vnd.oci.image.config.v1+json", config),
            "layers": [descriptor(kind, layer)],
        }
    )


def test_an_attestation_is_left_out_of_the_platforms(
    stored: Stored, registries: Registries
) -> None:
    built, statement = stored.push(make_image()), unknown(STATEMENT)
    name = stored.put("team/web", "statement", OCI_MANIFEST, statement)
    index = with_entry(built, entry(OCI_MANIFEST, statement, "unknown/unknown"))
    top = stored.put("team/web", "1", OCI_INDEX, index)
    image = resolve(stored.reference(built), registries)
    assert [one.platform for one in image.platforms] == list(PLATFORMS)
    assert [str(one) for one in image.left_out] == [name]
    assert str(image.id) == top
    assert name not in texts(image)


def test_an_image_cannot_hide_as_an_attestation(stored: Stored, registries: Registries) -> None:
    built = stored.push(make_image())
    hidden = unknown("application/vnd.oci.image.layer.v1.tar+gzip")
    stored.put("team/web", "hidden", OCI_MANIFEST, hidden)
    index = with_entry(built, entry(OCI_MANIFEST, hidden, "unknown/unknown"))
    stored.put("team/web", "1", OCI_INDEX, index)
    with pytest.raises(NotAsClaimed, match="not an attestation"):
        resolve(stored.reference(built), registries)


def test_an_index_in_an_index_is_refused_with_the_way_out(
    stored: Stored, registries: Registries
) -> None:
    built = stored.push(make_image())
    nested = with_entry(built, entry(OCI_INDEX, built.index or b"", "linux/amd64"))
    stored.put("team/web", "1", OCI_INDEX, nested)
    with pytest.raises(NotAsClaimed, match="lists another index") as caught:
        resolve(stored.reference(built), registries)
    assert "inner index by its digest" in caught.value.hint


def test_what_is_no_image_is_refused(stored: Stored, registries: Registries) -> None:
    built = make_image(index=False, platforms=("linux/amd64",))
    manifest = json.loads(built.images[0].manifest)
    manifest["config"]["mediaType"] = "application/vnd.cncf.helm.config.v1+json"
    stored.put("team/web", "1", OCI_MANIFEST, canonical(manifest))
    with pytest.raises(NotAsClaimed, match="not a container image"):
        resolve(stored.reference(built), registries)


def test_layers_that_the_config_does_not_know_are_refused(
    stored: Stored, registries: Registries
) -> None:
    built = stored.push(make_image(index=False, platforms=("linux/amd64",)))
    manifest = json.loads(built.images[0].manifest)
    manifest["layers"] *= 2
    stored.put("team/web", "1", OCI_MANIFEST, canonical(manifest))
    with pytest.raises(NotAsClaimed, match="2 layers, but its config names 1"):
        resolve(stored.reference(built), registries)


def test_an_index_without_a_platforms_manifest_approves_nothing(
    stored: Stored, registries: Registries
) -> None:
    built = stored.push(make_image())
    del stored.manifests["team/web", built.images[1].manifest_digest]
    with pytest.raises(NotInRegistry, match=built.images[1].manifest_digest):
        resolve(stored.reference(built), registries)


def test_many_are_resolved_in_order_and_each_for_itself(
    stored: Stored, registries: Registries
) -> None:
    built = [stored.push(make_image(tag=str(n))) for n in range(20)]
    wanted = [stored.reference(one) for one in built]
    wanted.insert(3, f"{stored.address}/team/none:1")
    told: list[tuple[int, int]] = []
    found = resolve_batch(wanted, registries, lambda done, total: told.append((done, total)))
    assert isinstance(found.pop(3), NotInRegistry)
    assert [str(one.id) for one in found if isinstance(one, ResolvedImage)] == [
        one.top_digest for one in built
    ]
    assert told == [(n, 21) for n in range(1, 22)]


def test_a_tag_that_moved_counts_no_more_where_that_is_permitted(
    stored: Stored, registries: Registries
) -> None:
    built = stored.push(make_image())
    stored.push(make_image(tag="2"), tag="1")
    pinned = [f"{stored.address}/team/web:1@{built.top_digest}"]
    (strict,) = resolve_batch(pinned, registries, lambda _d, _t: None)
    assert isinstance(strict, NotAsClaimed)
    (found,) = resolve_batch(pinned, registries, lambda _d, _t: None, tags_may_move=True)
    assert isinstance(found, ResolvedImage)
    assert (str(found.id), found.tags) == (built.top_digest, ())
