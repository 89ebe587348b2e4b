"""Hands one laid-out tree to nFPM, which writes the deb or the rpm."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from builder.description import PACKAGING, Common, Package, state_format

_RPM_ARCH = {"amd64": "x86_64", "arm64": "aarch64"}
# What the other format has no use for.
_OTHERS = {
    "deb": ("/usr/share/licenses", "/usr/share/zsh/site-functions"),
    "rpm": ("/usr/share/lintian", "/usr/share/zsh/vendor-completions"),
}
_SCRIPTS = ("preinstall", "postinstall", "preremove", "postremove")
_AFTER_ALL = ("posttrans",)  # rpm alone has it


@dataclass(frozen=True, slots=True)
class Build:
    """What one run makes: `epoch` is the time that all files bear."""

    version: str
    arch: str
    epoch: int
    output: Path
    work: Path


def pack(root: Path, package: Package, common: Common, build: Build, kind: str) -> Path:
    """Write the package of one format (deb or rpm), and return its file."""
    name = file_name(package, common, build, kind)
    config = root.parent / f"nfpm-{kind}.json"
    write_changelog(root, common, build)
    config.write_text(json.dumps(description(root, package, common, build, kind), indent=1))
    target = build.output / name
    subprocess.run(
        ["nfpm", "package", "--config", config, "--packager", kind, "--target", target],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return target


def file_name(package: Package, common: Common, build: Build, kind: str) -> str:
    """As each format's own tools name it."""
    full = f"{build.version}-{common.release}"
    if kind == "deb":
        return f"{package.name}_{full}_{build.arch}.deb"
    return f"{package.name}-{full}.{_RPM_ARCH[build.arch]}.rpm"


def description(
    root: Path, package: Package, common: Common, build: Build, kind: str
) -> dict[str, Any]:
    """What nFPM reads for one format; JSON is YAML."""
    summary = package.summary if kind == "deb" else package.summary.capitalize()
    return {
        "name": package.name,
        "arch": build.arch,
        "platform": "linux",
        "version": build.version,
        "version_schema": "semver",
        "release": common.release,
        "section": common.section,
        "priority": "optional",
        "maintainer": common.maintainer,
        "vendor": common.vendor,
        "homepage": common.homepage,
        "license": common.license,
        "description": f"{summary}\n{package.description.strip()}",
        "changelog": str(root.parent / "changelog.json"),
        "mtime": _when(build),
        "contents": contents(root, kind),
        "scripts": scripts_of(root, package, build, kind),
        "depends": list(package.depends[kind]),
        "deb": {"compression": "xz"},
        "rpm": {
            "compression": "xz",
            "group": "System Environment/Daemons",
            "summary": summary,
            "buildhost": "localhost",  # nothing of the machine that built it
            "scripts": scripts_of(root, package, build, kind, _AFTER_ALL),
        },
    }


def write_changelog(root: Path, common: Common, build: Build) -> None:
    """Both formats want one of their own kind; ours, for people, is changelog.gz."""
    note = "What changed is in changelog.gz beside this file."
    entry = {
        "semver": f"{build.version}-{common.release}",
        "date": _when(build),
        "packager": common.maintainer,
        "deb": {"distributions": ["stable"], "urgency": "medium"},
        "changes": [{"note": note}],
    }
    (root.parent / "changelog.json").write_text(json.dumps([entry]))


def contents(root: Path, kind: str) -> list[dict[str, Any]]:
    """Every file and every folder that is the package's own; /etc holds configuration files."""
    found: list[dict[str, Any]] = []
    for path in sorted(root.rglob("*")):
        place = f"/{path.relative_to(root)}"
        if any(place.startswith(each) for each in _OTHERS[kind]):
            continue
        if path.is_dir():
            if _own_folder(place):
                found.append({"dst": place, "type": "dir", "file_info": {"mode": 0o755}})
            continue
        entry: dict[str, Any] = {"src": str(path.resolve()), "dst": place}
        if place.startswith("/etc/"):
            entry |= {"type": "config|noreplace"}
        elif kind == "rpm" and place.startswith(("/usr/share/doc/", "/usr/share/man/")):
            entry |= {"type": "doc"}
        found.append(entry)
    return found


def _own_folder(place: str) -> bool:
    """Folders that bear our name, and what is below them; the rest is the distribution's."""
    return "/dockwarden" in place and not place.startswith("/etc")


def _when(build: Build) -> str:
    return datetime.fromtimestamp(build.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def scripts_of(
    root: Path, package: Package, build: Build, kind: str, names: Sequence[str] = _SCRIPTS
) -> dict[str, str]:
    """The maintainer scripts that the package has, completed, by their names."""
    found = {}
    for name in names:
        text = _script(package.name, name, kind)
        if text:
            words = {"VERSION": build.version, "STATE_FORMAT": str(state_format())}
            for word, value in words.items():
                text = text.replace(f"@{word}@", value)
            place = root.parent / f"{kind}-{name}"
            place.write_text(text)
            found[name] = str(place)
    return found


def _script(package: str, name: str, kind: str) -> str:
    """One script's text, empty if the package has none. What ends an upgrade is dpkg's postinstall;
    rpm removes the old version's files after that, so there it is posttrans."""
    folder = PACKAGING / "scripts" / package
    upgrade = folder / "upgrade"
    ending = upgrade.read_text() if upgrade.exists() else ""
    if name in _AFTER_ALL:
        return f"#!/bin/sh\nset -e\n{ending}" if ending else ""
    file = folder / name
    text = file.read_text() if file.exists() else ""
    return text.replace("@UPGRADE@\n", ending if kind == "deb" else "")
