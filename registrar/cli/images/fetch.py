"""`fetch`: copies public images into quarantine, or into a folder; parsing and printing."""

import sys
import threading
from pathlib import Path
from typing import Any

import click

from core.image.reference import Reference, normalise
from core.terminal.printing import counted
from registrar.cli.images.image_options import registries_of, registry_options
from registrar.cli.registrar_output import say
from registrar.images.fetching import Fetched, fetch, repository
from registrar.registrar_errors import WorkspaceInvalid
from registrar.transfer.copying import Copied, Progress
from registrar.transfer.image_tree import ImageTree
from registrar.transfer.layout_folder import LayoutFolder
from registrar.transfer.transfer_ports import ImageTarget
from registrar.workspace import PrivateRegistry, Workspace

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


@click.command(name="fetch")
@click.argument("references", nargs=-1, required=True, metavar="REFERENCE...")
@click.option(
    "--layout",
    type=click.Path(file_okay=False, path_type=Path),
    help="Copy into this folder, an OCI image layout, instead of the private registry.",
)
@registry_options
@click.pass_obj
def fetch_images(
    path: Path,
    *,
    references: tuple[str, ...],
    layout: Path | None,
    plain_http: bool,
    ca_file: Path | None,
    docker_config: Path | None,
) -> None:
    """Copy public images into the private registry's quarantine.

    A tag is resolved once; then all platforms of just that content are copied, every digest kept,
    with the signatures and SBOMs that refer to it. What is there already is not copied again. A
    fetched image is not approved: hosts refuse it until an approval of it is published.

    \b
    Examples:
      fetch docker.io/library/nginx:1.27
      fetch nginx:1.27 redis:7 --layout /srv/scan
    """
    registries = registries_of(plain_http, ca_file, docker_config)
    registry = None if layout else demanded_registry(path)
    for text in references:
        target: ImageTarget
        if registry is None:
            target = LayoutFolder(layout or Path())
        else:
            asked = normalise(Reference.parse(text))
            if asked.domain == registry.address:
                raise click.UsageError(f"{text} is in the private registry already.")
            target = repository(registry.in_quarantine(asked), registries)
        _show(fetch(text, registries, target, bar))
    if registry is not None:
        say("Next: scan what was fetched, then `image approve` it by the same name.")


def demanded_registry(path: Path) -> PrivateRegistry:
    """The registry that the workspace names; raises `WorkspaceInvalid` where it names none."""
    registry = Workspace.open(path).rules().registry
    if registry is None:
        raise WorkspaceInvalid(
            f"{path / 'registrar.toml'}: registry: it is missing",
            hint='add [registry] with address = "registry.acme.example", or use --layout FOLDER',
        )
    return registry


def bar(name: str, tree: ImageTree) -> Progress:
    """Begins a progress bar on standard error; nothing where that is no terminal."""
    lock = threading.Lock()
    shown: Any = click.progressbar(length=max(tree.size, 1), label=name, file=sys.stderr)

    def progress(size: int) -> None:
        with lock:
            shown.update(size)

    return progress


def copied_text(copied: Copied) -> str:
    """`12 blobs (71 MiB) copied, 2 there already, 1 signature or SBOM`."""
    parts = [f"{counted(copied.blobs, 'blob')} ({readable_size(copied.size)}) copied"]
    if copied.there:
        parts.append(f"{copied.there} there already")
    if copied.referrers:
        parts.append(f"{counted(copied.referrers, 'signature')} or other statements with it")
    return ", ".join(parts)


def readable_size(size: int) -> str:
    """`71 MiB`."""
    value = float(size)
    for unit in _UNITS:
        if value < 1024 or unit == _UNITS[-1]:
            return f"{value:.0f} {unit}"
        value /= 1024
    raise AssertionError("unreachable: the last unit returns")


def _show(fetched: Fetched) -> None:
    image = fetched.image
    names = ", ".join(image.tags) or "by digest"
    say(f"{image.repository} ({names})")
    say(f"  digest     {image.id}")
    for one in image.platforms:
        say(f"  {one.platform:<10} {one.manifest}")
    say(f"  copied to  {fetched.place}")
    say(f"             {copied_text(fetched.copied)}")
