"""Which files of which programs, and how to see that a program is there.

A program counts as present when its configuration directory or one of its binaries is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.files.kept_file import Plan
from agent.merging import merge_images
from agent.merging.merge import Merge, Whole, merged
from core.base_errors import InvalidFile
from core.json_scan import decoded

DROP_IN = "zz-dockwarden.conf"  # the last one wins (containers-registries.conf.d(5))
_BINARIES = ("usr/bin", "usr/sbin", "usr/local/bin", "usr/local/sbin", "opt/bin")
_VENDOR_POLICY = "usr/share/containers/policy.json"

Advice = Callable[[bytes | None], Sequence[str]]


def _none(_: bytes | None) -> Sequence[str]:
    return ()


@dataclass(frozen=True, slots=True)
class ToolFile:
    """One file: what is merged into it, in words what is wrong without, and what else is."""

    path: Path
    plan: Plan
    words: str
    advice: Advice = _none


def tool_files(mirror: str, ca_file: str = "", *, root: str | Path = "/") -> list[ToolFile]:
    """The files of the programs that are present below `root`."""
    root = Path(root)
    files: list[ToolFile] = []
    if _present(root, "etc/containerd", "containerd"):
        files += _containerd(root, mirror, ca_file)
    if _present(root, "etc/containers", "podman", "skopeo", "buildah", "crio"):
        files += _containers(root, mirror, ca_file)
    if _present(root, "etc/buildkit", "buildkitd"):
        files += _buildkit(root, mirror, ca_file)
    if ca_file and _present(root, "etc/docker", "dockerd"):
        files.append(_certificate(root / "etc/docker", mirror, ca_file))
    return files


def _present(root: Path, directory: str, *binaries: str) -> bool:
    if (root / directory).is_dir():
        return True
    return any((root / place / name).exists() for place in _BINARIES for name in binaries)


def _containerd(root: Path, mirror: str, ca_file: str) -> list[ToolFile]:
    certs = root / "etc/containerd/certs.d"

    def others(_: bytes | None) -> list[str]:
        found = sorted(path.parent.name for path in certs.glob("*/hosts.toml"))
        return [
            f"{name}/hosts.toml of another tool decides about {name} instead"
            for name in found
            if name != "_default"
        ]

    return [
        ToolFile(
            certs / "_default/hosts.toml",
            lambda _: merge_images.hosts_toml(mirror, ca_file),
            f"containerd's clients do not pull from {mirror} alone",
            others,
        )
    ]


def _containers(root: Path, mirror: str, ca_file: str) -> list[ToolFile]:
    directory = root / "etc/containers"
    policy = directory / "policy.json"
    vendor = root / _VENDOR_POLICY
    files = [
        ToolFile(
            directory / "registries.conf.d" / DROP_IN,
            lambda _: merge_images.registries_conf(mirror),
            f"for short names and the Hub's, podman and similar tools do not use {mirror}",
        )
    ]
    if policy.exists() or vendor.exists():  # without any, these tools refuse every image
        files.append(
            ToolFile(
                policy,
                lambda data: _policy(data, mirror, vendor),
                f"podman and similar tools accept images from registries other than {mirror}",
                lambda data: merge_images.policy_advice(data, mirror),
            )
        )
    return files + ([_certificate(directory, mirror, ca_file)] if ca_file else [])


def _policy(current: bytes | None, mirror: str, vendor: Path) -> Merge:
    """An absent file begins as the distribution's, which it hides once it is there."""
    keys = merge_images.policy_keys(mirror)
    if current is not None:
        return keys
    return Whole(merged(keys, _content(vendor)).decode())


def _certificate(directory: Path, mirror: str, ca_file: str) -> ToolFile:
    """Docker and containers/image read `certs.d/<host>/*.crt` at every pull."""
    return ToolFile(
        directory / "certs.d" / merge_images.host_of(mirror) / "dockwarden.crt",
        lambda _: Whole(decoded(_content(Path(ca_file)))),
        f"{mirror} cannot be verified: its certificate authority is missing",
    )


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidFile(
            f"{path} is needed for it and cannot be read: {error.strerror}",
            hint="see registry.ca_file, or reinstall containers-common",
        ) from error


def _buildkit(root: Path, mirror: str, ca_file: str) -> list[ToolFile]:
    return [
        ToolFile(
            root / "etc/buildkit/buildkitd.toml",
            lambda data: merge_images.buildkit_block(data, mirror, ca_file),
            f"buildkitd does not pull from {mirror} first (it reads its file when it starts)",
        )
    ]
