"""What the files of containerd, containers/image and BuildKit have to say; pure.

Sources: containerd docs/hosts.md; containers-registries.conf(5) and .conf.d(5);
containers-policy.json(5); BuildKit docs/buildkitd.toml.md.
"""

import json
from typing import Any
from urllib.parse import urlsplit

from agent.merging import json_edit
from agent.merging.merge import Block, Edit, Keys, Whole, taken_back
from core.base_errors import InvalidFile
from core.json_scan import decoded
from core.toml_fault import toml_fault

DOCKER = ("transports", "docker")
HUB = "docker.io"
_HEAD = "# Written by dockwarden, which reverts edits. `dockwarden restore` removes this file.\n"
_REJECT = [{"type": "reject"}]
_ACCEPT = [{"type": "insecureAcceptAnything"}]


def host_of(mirror: str) -> str:
    """The mirror's `host` or `host:port`, as these formats want it."""
    return urlsplit(mirror).netloc.rpartition("@")[2]


def hosts_toml(mirror: str, ca_file: str = "") -> Whole:
    """containerd's `_default/hosts.toml`: as `server` the mirror is the only one that is asked,
    whatever registry an image names; as a `host` it would be asked first only."""
    lines = [f"server = {_quoted(mirror.rstrip('/'))}", 'capabilities = ["pull", "resolve"]']
    if ca_file:
        lines.append(f"ca = {_quoted(ca_file)}")
    return Whole(_HEAD + "\n".join(lines) + "\n")


def registries_conf(mirror: str) -> Whole:
    """A drop-in of containers-registries.conf.d(5): short names mean the private registry, and
    the Hub's names lead there. A `mirror` table would fall back to the Hub; `location` does not."""
    host = _quoted(host_of(mirror))
    insecure = "insecure = true\n" if _plain(mirror) else ""
    own = f"\n[[registry]]\nprefix = {host}\nlocation = {host}\n{insecure}" if insecure else ""
    return Whole(
        f"{_HEAD}unqualified-search-registries = [{host}]\n\n"
        f'[[registry]]\nprefix = "{HUB}"\nlocation = {host}\n{insecure}{own}'
    )


def policy_keys(mirror: str) -> Keys:
    """containers-policy.json(5): from registries, nothing but the private one. A stronger demand
    that is there already for it (signatures) stays; the Hub's names lead to it, see above."""
    return Keys(
        (
            Edit((*DOCKER, ""), _REJECT),
            Edit((*DOCKER, host_of(mirror)), _ACCEPT, keep=True),
            Edit((*DOCKER, HUB), _ACCEPT, keep=True),
        )
    )


def policy_advice(current: bytes | None, mirror: str) -> tuple[str, ...]:
    """Which registries somebody else's entries still accept. Raises `InvalidFile`."""
    scopes = json_edit.value(decoded(current or b""), DOCKER)
    ours = {"", HUB, host_of(mirror)}
    return tuple(
        f"transports.docker accepts images of {scope!r} by another tool's entry"
        for scope, demands in (scopes.items() if isinstance(scopes, dict) else ())
        if scope not in ours and demands != _REJECT
    )


def buildkit_block(current: bytes | None, mirror: str, ca_file: str = "") -> Block:
    """Tables for the end of `buildkitd.toml`. Raises `InvalidFile` when the file is broken or
    says something about these registries already: two tables of one name are not TOML."""
    host = host_of(mirror)
    lines = [f'[registry."{HUB}"]', f"mirrors = [{_quoted(host)}]"]
    if _plain(mirror) or ca_file:
        lines.append(f"[registry.{_quoted(host)}]")
        lines += ["http = true"] if _plain(mirror) else []
        lines += [f"ca = [{_quoted(ca_file)}]"] if ca_file else []
    block = Block("\n".join(lines) + "\n")
    foreign = taken_back(block, current or b"", b"") or b""
    registries = _toml(decoded(foreign)).get("registry", {})
    taken = [name for name in (HUB, host) if isinstance(registries, dict) and name in registries]
    if not isinstance(registries, dict) or (HUB in taken or (len(lines) > 2 and taken)):
        raise InvalidFile(
            f"it has a table of its own for {' and '.join(taken) or 'registry'}",
            hint=f"remove it, or set in it by hand: mirrors = [{_quoted(host)}]",
        )
    _toml(f"{decoded(foreign)}\n{block.text}")
    return block


def _toml(text: str) -> dict[str, Any]:
    import tomllib  # only hosts with BuildKit's daemon need it

    plain = text.replace("\r\n", "\n")
    try:
        return tomllib.loads(plain)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, integers too long to be read
        problem = f"no TOML at {toml_fault(plain)}: {error}"
        raise InvalidFile(problem, hint="correct the file by hand") from error


def _plain(mirror: str) -> bool:
    return urlsplit(mirror).scheme == "http"


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes are among TOML's."""
    return json.dumps(text)
