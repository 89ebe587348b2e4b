"""What is bundled: versions and licences of the libraries, as a list and as a CycloneDX SBOM."""

import gzip
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from builder.description import PACKAGING, TOP, Common, Package

# Licences that only the classifiers tell, by the classifier's last part.
_CLASSIFIED = {
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
}
_SPACE = uuid.UUID(
    "6d0c1d26-7d43-5b1c-9a0e-2f5b1b0f9c11"
)  # ours: serial numbers must be repeatable


class LicenceUnknown(Exception):
    """A library states no licence: it cannot be distributed before somebody has looked."""


@dataclass(frozen=True, slots=True)
class Component:
    """One bundled library."""

    name: str
    version: str
    licence: str
    home: str


def components(library: Path) -> tuple[Component, ...]:
    """The libraries that lie in a folder, by name; raises `LicenceUnknown`."""
    found = (_component(each) for each in metadata.distributions(path=[str(library)]))
    return tuple(sorted(found, key=lambda each: each.name.lower()))


def _component(distribution: metadata.Distribution) -> Component:
    fields = distribution.metadata
    name = _first(fields, "Name")
    home = _first(fields, "Home-page") or _project_url(fields.get_all("Project-URL") or [])
    return Component(name, distribution.version, _licence(name, fields), home)


def _licence(name: str, fields: metadata.PackageMetadata) -> str:
    stated = _first(fields, "License-Expression") or _first(fields, "License")
    if stated and len(stated) < 60 and "\n" not in stated:
        return _CLASSIFIED.get(stated, stated)
    for classifier in fields.get_all("Classifier") or []:
        if classifier.startswith("License ::"):
            last = str(classifier).rpartition(" :: ")[2]
            return _CLASSIFIED.get(last, last)
    raise LicenceUnknown(f"{name} states no licence in its metadata")


def _first(fields: metadata.PackageMetadata, key: str) -> str:
    return str((fields.get_all(key) or [""])[0])


def _project_url(lines: list[str]) -> str:
    urls = [line.partition(", ")[2] for line in lines]
    return urls[0] if urls else ""


def bill(
    package: Package, common: Common, version: str, parts: tuple[Component, ...], epoch: int
) -> dict[str, Any]:
    """The CycloneDX 1.5 document; the same parts yield the same bytes."""
    own = f"pkg:generic/{package.name}@{version}"
    refs = [_purl(part) for part in parts]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, own + ' '.join(refs))}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": package.name,
                "version": version,
                "licenses": [{"license": {"id": common.license}}],
            },
        },
        "components": [
            {
                "type": "library",
                "bom-ref": _purl(part),
                "name": part.name,
                "version": part.version,
                "purl": _purl(part),
                "licenses": [{"license": {"name": part.licence}}],
            }
            for part in parts
        ],
        "dependencies": [{"ref": own, "dependsOn": refs}],
    }


def _purl(part: Component) -> str:
    return f"pkg:pypi/{part.name.lower().replace('_', '-')}@{part.version}"


def write_documents(
    root: Path, package: Package, common: Common, version: str, epoch: int
) -> tuple[Component, ...]:
    """Changelog, licences and SBOM below usr/share; returns what is bundled."""
    parts = components(root / package.library.lstrip("/"))
    folder = root / "usr/share/doc" / package.name
    folder.mkdir(parents=True)
    (folder / "copyright").write_text(_copyright(package, common, parts))
    changelog = gzip.compress((TOP / "CHANGELOG.md").read_bytes(), 9, mtime=0)
    (folder / "changelog.gz").write_bytes(changelog)
    document = json.dumps(bill(package, common, version, parts, epoch), indent=1)
    (folder / "sbom.cdx.json").write_text(document + "\n")
    licence = root / "usr/share/licenses" / package.name / "LICENSE"
    licence.parent.mkdir(parents=True)
    licence.write_bytes((TOP / "LICENSE").read_bytes())
    overrides = root / "usr/share/lintian/overrides" / package.name
    overrides.parent.mkdir(parents=True)
    overrides.write_bytes((PACKAGING / "lintian-overrides").read_bytes())
    return parts


def _copyright(package: Package, common: Common, parts: tuple[Component, ...]) -> str:
    lines = [
        "Copyright: 2026 the dockwarden authors",
        f"License: {common.license}, in full in /usr/share/common-licenses/Apache-2.0",
        "(or /usr/share/licenses).",
        "",
        f"It bundles these Python libraries, unchanged, in {package.library}. The texts of their",
        "licences are in each one's .dist-info folder there.",
        "",
    ]
    for part in parts:
        lines.append(f"{part.name} {part.version}: {part.licence}")
        lines += [f"    {part.home}"] if part.home else []
    return "\n".join([*lines, ""])
