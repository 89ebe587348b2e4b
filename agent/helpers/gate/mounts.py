"""Where the hierarchy that can freeze containers is mounted; reads /proc/self/mountinfo only."""

from __future__ import annotations

from agent.helpers.gate.hierarchy import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def hierarchies(mountinfo: str) -> dict[str, str]:
    """The mount point of the v1 freezer ("1") and of cgroup2 ("2"), where they are mounted whole.

    Format: proc(5), /proc/[pid]/mountinfo. Of several mount points the shortest counts.
    """
    found: dict[str, str] = {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or len(kind) < 3 or fields[3] != "/":
            continue
        version = {"cgroup2": "2", "cgroup": "1"}.get(kind[0])
        if version is None or (version == "1" and "freezer" not in kind[2].split(",")):
            continue
        point = fields[4].replace("\\040", " ")
        if version not in found or len(point) < len(found[version]):
            found[version] = point
    return found


def locate(version: str = "", mount: str = "", mountinfo: str | None = None) -> tuple[str, str]:
    """Version and mount point to watch; what is given is believed, the rest is looked up.

    Without a version the v1 freezer comes first: a machine that has it runs its engine in v1
    mode. Raises `LookupError` with a sentence that says what to do.
    """
    if version and mount:
        return version, mount
    text = read("/proc/self/mountinfo") if mountinfo is None else mountinfo
    found = hierarchies(text)
    chosen = version or ("1" if "1" in found else "2")
    if chosen not in found:
        name = "the v1 freezer controller" if chosen == "1" else "cgroup2"
        raise LookupError(f"{name} is not mounted: mount it, or switch the cgroup gate off")
    return chosen, mount or found[chosen]


def below(mount: str, roots: Iterable[str]) -> list[str]:
    """The directories that roots relative to a mount mean ("/" is the mount itself)."""
    top = mount.rstrip("/")
    return [f"{top}/{root.strip('/')}".rstrip("/") for root in roots]
