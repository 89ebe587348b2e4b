"""The files of other programs that pull say what they have to."""

import json
import tomllib
from typing import Any

import pytest

from agent.merging import merge_images
from agent.merging.merge import merged, taken_back
from core.base_errors import InvalidFile

MIRROR = "https://images.acme.test:5000"


def test_containerd_asks_nobody_but_the_mirror() -> None:
    toml = tomllib.loads(merge_images.hosts_toml(MIRROR + "/", '/etc/a "b".pem').text)
    assert toml == {
        "server": MIRROR, "capabilities": ["pull", "resolve"], "ca": '/etc/a "b".pem'
    }  # fmt: skip


def test_short_names_and_the_hubs_lead_to_the_mirror() -> None:
    toml = tomllib.loads(merge_images.registries_conf(MIRROR).text)
    host = "images.acme.test:5000"
    assert toml["unqualified-search-registries"] == [host]
    assert toml["registry"] == [{"prefix": "docker.io", "location": host}]
    plain = tomllib.loads(merge_images.registries_conf("http://images.acme.test").text)
    assert all(table["insecure"] for table in plain["registry"])


def test_a_policy_refuses_other_registries_and_keeps_stronger_demands() -> None:
    signed = [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/k"}]
    before: dict[str, Any] = {
        "default": [{"type": "insecureAcceptAnything"}],
        "transports": {
            "docker-daemon": {"": [{"type": "insecureAcceptAnything"}]},
            "docker": {"images.acme.test:5000": signed, "x.test": signed},
        },
    }
    data = json.dumps(before, indent=4).encode()
    keys = merge_images.policy_keys(MIRROR)
    after = json.loads(merged(keys, data))
    assert after["transports"]["docker"] == {
        "images.acme.test:5000": signed,
        "x.test": signed,
        "": [{"type": "reject"}],
        "docker.io": [{"type": "insecureAcceptAnything"}],
    }
    assert (after["default"], after["transports"]["docker-daemon"]) == (
        before["default"],
        before["transports"]["docker-daemon"],
    )
    assert taken_back(keys, merged(keys, data), data) == data
    assert "'x.test'" in merge_images.policy_advice(data, MIRROR)[0]


BUILDKIT = b'debug = true\n[worker.oci]\n  enabled = true # yes\n[registry."x.test"]\n  http = true'


def test_buildkit_gets_tables_of_its_own() -> None:
    block = merge_images.buildkit_block(BUILDKIT, "http://images.acme.test:5000")
    after = merged(block, BUILDKIT)
    assert after.startswith(BUILDKIT)
    toml = tomllib.loads(after.decode())
    assert toml["registry"] == {
        "x.test": {"http": True},
        "docker.io": {"mirrors": ["images.acme.test:5000"]},
        "images.acme.test:5000": {"http": True},
    }
    assert (
        merged(merge_images.buildkit_block(after, "http://images.acme.test:5000"), after) == after
    )
    assert merged(merge_images.buildkit_block(None, MIRROR, "/ca.pem"), None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("debug = ", "no TOML at line 1: "),
        ('[registry."docker.io"]\nmirrors = ["x"]\n', "a table of its own for docker.io"),
        ('registry = {"docker.io" = {}}\n', "a table of its own"),
        ("registry = 3\n", "a table of its own"),
        ("registry = {}\n", "no TOML"),
        ("a = " + "[" * 5000, "no TOML at line 1: "),
    ],
)
def test_a_buildkit_file_that_cannot_be_merged_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidFile, match=words):
        merge_images.buildkit_block(text.encode(), MIRROR)
