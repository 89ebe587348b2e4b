"""The engine's JSON as values, from real answers and from odd ones."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.docker_engine.engine_values import (
    NO_IMAGE,
    digest_or_none,
    engine_info,
    identity,
    listed,
    recorded,
)
from core.image.digest import Digest
from core.image.identity import ContainerState

ID = "sha256:" + "a" * 64
MANIFEST = "sha256:" + "b" * 64


def entry(**changes: Any) -> dict[str, Any]:
    """An entry of the list as 28.5 with the containerd store sends it."""
    return {
        "Id": "c" * 64,
        "Names": ["/web"],
        "Image": "acme/web:1",
        "ImageID": ID,
        "ImageManifestDescriptor": {"digest": MANIFEST, "size": 405},
        "Command": "/bin/sleep 1000",
        "Created": 1795454066,
        "Labels": {"a": "b"},
        "State": "running",
    } | changes


def test_the_platforms_manifest_belongs_to_the_identity() -> None:
    image = listed(entry()).image
    assert image and image.digests == {Digest.parse(ID), Digest.parse(MANIFEST)}


def test_a_list_without_the_descriptor_still_has_the_image_id() -> None:
    image = listed(entry(ImageManifestDescriptor=None)).image
    assert image and image.digests == {Digest.parse(ID)}


def test_a_linked_containers_own_name_is_taken() -> None:
    assert listed(entry(Names=["/other/alias", "/web"])).name == "web"


@pytest.mark.parametrize("word", ["running", "removing", "odd", None])
def test_a_state_is_one_of_the_engines_or_unknown(word: str | None) -> None:
    state = listed(entry(State=word)).state
    assert state.value == (word if word in ("running", "removing") else "unknown")


def test_no_image_has_an_identity_of_its_own_and_an_odd_one_has_none() -> None:
    assert identity("", None) == NO_IMAGE
    assert identity("a" * 12, None) is None
    assert identity(None, None) is None


@pytest.mark.parametrize(
    ("flags", "state"),
    [
        ({"Running": True, "Paused": True}, ContainerState.PAUSED),
        ({"Running": True, "Restarting": True}, ContainerState.RESTARTING),
        ({"Running": True}, ContainerState.RUNNING),
        ({"RemovalInProgress": True}, ContainerState.REMOVING),
        ({"Dead": True}, ContainerState.DEAD),
        ({"StartedAt": "0001-01-01T00:00:00Z"}, ContainerState.CREATED),
        ({"StartedAt": "2026-11-23T17:18:00Z"}, ContainerState.EXITED),
        ({}, ContainerState.CREATED),
    ],
)
def test_a_record_on_disk_shows_the_state(flags: dict[str, Any], state: ContainerState) -> None:
    record = {"ID": "c" * 64, "Name": "/web", "Image": ID, "State": flags, "Config": {}}
    assert recorded(record).state is state


def test_a_record_on_disk_has_what_the_list_has() -> None:
    record = {
        "ID": "c" * 64,
        "Name": "/web",
        "Image": ID,
        "ImageManifest": {"digest": MANIFEST},
        "Path": "/bin/sleep",
        "Args": ["1000"],
        "State": {"Running": True, "StartedAt": "2026-11-23T17:14:27.1Z"},
        "Config": {"Image": "acme/web:1", "Labels": {"a": "b"}},
        "Created": "2026-11-23T17:14:26Z",
    }
    assert recorded(record) == listed(entry())


def test_the_image_store_is_recognised_by_the_driver_status() -> None:
    classic = {"Driver": "overlay2", "DriverStatus": [["Backing Filesystem", "extfs"]]}
    newer = {
        "Driver": "overlayfs",
        "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]],
    }
    assert not engine_info(classic, "1.41").containerd_store
    assert engine_info(newer, "1.51").containerd_store
    assert engine_info({"DriverStatus": None}, "").cgroup_driver == "none"


@given(st.text(max_size=80) | st.none() | st.integers() | st.lists(st.text(max_size=3)))
def test_any_field_is_a_digest_or_none(value: object) -> None:
    digest = digest_or_none(value)
    assert digest is None or str(digest) == value
