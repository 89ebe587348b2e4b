"""Files of other programs: only where the program is, each for itself, and back again."""

import json
import tomllib
from pathlib import Path

import pytest

from agent.adapters.image_files import ImageFilesLayer, tool_files
from agent.errors import LayerFailed
from agent.files.backup import Backups

MIRROR = "https://images.acme.test"
DROP_IN = "etc/containers/registries.conf.d/zz-dockwarden.conf"


def layer(root: Path, ca_file: str = "") -> ImageFilesLayer:
    return ImageFilesLayer(lambda: tool_files(MIRROR, ca_file, root=root), Backups(root / "backup"))


def put(root: Path, name: str, text: str = "") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def files(root: Path) -> dict[str, bytes]:
    found = (path for path in (root / "etc").rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


def test_nothing_is_written_for_programs_that_are_not_there(tmp_path: Path) -> None:
    assert layer(tmp_path).apply().none
    assert files(tmp_path) == {}


PRESENT = [
    ("usr/bin/containerd", {"etc/containerd/certs.d/_default/hosts.toml"}),
    ("usr/bin/skopeo", {DROP_IN}),
    ("usr/local/bin/buildkitd", {"etc/buildkit/buildkitd.toml"}),
    ("usr/bin/dockerd", set()),
]


@pytest.mark.parametrize(("binary", "expected"), PRESENT, ids=[name for name, _ in PRESENT])
def test_a_binary_alone_makes_a_program_present(
    tmp_path: Path, binary: str, expected: set[str]
) -> None:
    put(tmp_path, binary)
    layer(tmp_path).apply()
    assert set(files(tmp_path)) == expected
    assert layer(tmp_path).drift().none
    layer(tmp_path).restore()
    assert not (tmp_path / "etc").exists()


def test_a_program_that_comes_later_is_met(tmp_path: Path) -> None:
    kept = layer(tmp_path)
    assert kept.drift().none
    put(tmp_path, "usr/bin/podman")
    assert [d.place for d in kept.drift().differences] == [str(tmp_path / DROP_IN)]
    assert str(tmp_path / DROP_IN) in kept.watched()


def test_a_missing_policy_begins_as_the_distributions(tmp_path: Path) -> None:
    vendor = {"default": [{"type": "insecureAcceptAnything"}], "transports": {"oci": {}}}
    put(tmp_path, "usr/share/containers/policy.json", json.dumps(vendor))
    put(tmp_path, "usr/bin/podman")
    layer(tmp_path).apply()
    policy = json.loads(files(tmp_path)["etc/containers/policy.json"])
    assert policy["default"] == vendor["default"]
    assert policy["transports"]["docker"][""] == [{"type": "reject"}]
    assert layer(tmp_path).drift().none
    layer(tmp_path).restore()
    assert files(tmp_path) == {}


def test_one_broken_file_does_not_keep_the_others_from_being_kept(tmp_path: Path) -> None:
    put(tmp_path, "etc/containers/policy.json", '{"default": ')
    put(tmp_path, "etc/buildkit/buildkitd.toml", '[registry."docker.io"]\nmirrors = ["x"]\n')
    before = files(tmp_path)
    drift = layer(tmp_path).apply()
    assert "policy.json: line 1, column 13" in drift.blocked
    assert "a table of its own for docker.io" in drift.blocked
    assert set(files(tmp_path)) - set(before) == {DROP_IN}
    assert {name: files(tmp_path)[name] for name in before} == before


def test_restores_what_can_be_and_names_the_rest(tmp_path: Path) -> None:
    policy = put(tmp_path, "etc/containers/policy.json", '{"default": []}')
    layer(tmp_path).apply()
    policy.write_text("{")
    with pytest.raises(LayerFailed, match=r"policy\.json.*all other files were restored"):
        layer(tmp_path).restore()
    assert not (tmp_path / DROP_IN).exists()
    policy.write_text('{"default": [], "transports": {}}')
    layer(tmp_path).restore()
    assert policy.read_text() == '{"default": [], "transports": {}}'


def test_admins_lines_in_buildkits_file_are_kept_at_heal_and_restore(tmp_path: Path) -> None:
    path = put(tmp_path, "etc/buildkit/buildkitd.toml", "debug = true\n")
    layer(tmp_path).apply()
    path.write_text("debug = false\n" + path.read_text().replace("debug = true\n", ""))
    healed = path.read_text().replace("images.acme.test", "evil.test")
    path.write_text(healed)
    layer(tmp_path).apply()
    assert tomllib.loads(path.read_text()) == {
        "debug": False,
        "registry": {"docker.io": {"mirrors": ["images.acme.test"]}},
    }
    layer(tmp_path).restore()
    assert path.read_text() == "debug = false\n"


def test_an_admins_hosts_toml_gives_way_and_returns(tmp_path: Path) -> None:
    path = put(tmp_path, "etc/containerd/certs.d/_default/hosts.toml", 'server = "https://x"\n')
    put(tmp_path, "etc/containerd/certs.d/quay.io/hosts.toml", 'server = "https://quay.io"\n')
    drift = layer(tmp_path).apply()
    assert '-server = "https://x"' in drift.differences[0].diff
    assert "quay.io/hosts.toml" in drift.notes[0].words
    assert tomllib.loads(path.read_text())["server"] == MIRROR
    layer(tmp_path).restore()
    assert path.read_text() == 'server = "https://x"\n'


def test_the_registrys_authority_is_installed_where_programs_look(tmp_path: Path) -> None:
    authority = put(tmp_path, "ca.pem", "-----BEGIN CERTIFICATE-----\n")
    for directory in ("etc/docker/keep", "etc/containers/keep"):
        put(tmp_path, directory)
    layer(tmp_path, str(authority)).apply()
    for directory in ("etc/docker", "etc/containers"):
        name = f"{directory}/certs.d/images.acme.test/dockwarden.crt"
        assert files(tmp_path)[name] == authority.read_bytes()
    authority.unlink()
    assert "registry.ca_file" in layer(tmp_path, str(authority)).drift().blocked
    layer(tmp_path, str(authority)).restore()
    assert set(files(tmp_path)) == {"etc/docker/keep", "etc/containers/keep"}


def test_restoring_needs_no_configuration(tmp_path: Path) -> None:
    path = put(tmp_path, "etc/containers/policy.json", '{"default": []}')
    layer(tmp_path).apply()
    ImageFilesLayer(lambda: (), Backups(tmp_path / "backup")).restore()
    assert files(tmp_path) == {"etc/containers/policy.json": path.read_bytes()}
