"""Attacks on signed metadata: replayed, rolled back, mixed, out of date. Catalogue entries only."""

from datetime import timedelta
from functools import partial

from tests.attack.stage import HOST_SCOPE, Stage, add, attack

SERVER = "the server"
ONLINE = "both online keys"
TOO_OLD = timedelta(seconds=-1)


@attack(SERVER)
def replayed_timestamp(stage: Stage) -> None:
    """The timestamp of the first publication is served again."""
    stage.admins.put_back(stage.first_files, "timestamp.json")


@attack(SERVER)
def replayed_repository(stage: Stage) -> None:
    """The whole first publication is served again."""
    stage.admins.put_back(stage.first_files)


@attack(SERVER)
def frozen_repository(stage: Stage) -> None:
    """Nothing new is served for two days, and the timestamp expires."""
    stage.later(days=2)


@attack(SERVER)
def old_list_under_new_snapshot(stage: Stage) -> None:
    """The organization's first metadata has the name of its newest."""
    publish_evil(stage)
    thief = stage.thief
    thief.file("acme").write_bytes(thief.file("acme", 1).read_bytes())


@attack(ONLINE)
def rollback_of_snapshot(stage: Stage) -> None:
    """A new timestamp names the first snapshot."""
    thief = stage.thief
    thief.roles["snapshot"].signed.version = 2
    thief.release("timestamp")


@attack(ONLINE)
def rollback_of_one_list(stage: Stage) -> None:
    """A new snapshot names the organization's first list, where nothing is revoked."""
    thief = stage.thief
    thief.roles["snapshot"].signed.meta["acme.json"].version = 1
    sign_online(stage)


@attack(ONLINE)
def rollback_of_targets_under_new_snapshot(stage: Stage) -> None:
    """A new snapshot names older delegations."""
    stage.admins.publish_keys(root=False)
    stage.admins.publish()
    assert stage.sync().error == ""
    stage.files = stage.admins.files()
    stage.thief = stage.admins.fork()
    stage.thief.roles["snapshot"].signed.meta["targets.json"].version = 1
    sign_online(stage)


@attack(ONLINE)
def role_dropped_from_snapshot(stage: Stage) -> None:
    """A new snapshot does not know the organization's list."""
    del stage.thief.roles["snapshot"].signed.meta["acme.json"]
    sign_online(stage)


@attack(ONLINE)
def emergency_dropped_from_snapshot(stage: Stage) -> None:
    """A new snapshot does not know those on call."""
    del stage.thief.roles["snapshot"].signed.meta["emergency.json"]
    sign_online(stage)


@attack(ONLINE, silent=True)
def another_snapshot_of_the_same_version(stage: Stage) -> None:
    """The snapshot in force is replaced by one of its version that rolls a list back."""
    thief = stage.thief
    thief.roles["snapshot"].signed.meta["acme.json"].version = 1
    thief.resign("snapshot")
    thief.release("timestamp")


@attack("both online keys, the host's cache wiped", wipes=True)
def wiped_cache_and_rollback(stage: Stage) -> None:
    """All generations are gone, and the first publication is served as if it were new."""
    stage.forget()
    thief = stage.thief
    thief.put_back(stage.first_files)
    for role, version in {"acme": 1, HOST_SCOPE: 1, "acme.pay": 1}.items():
        thief.roles["snapshot"].signed.meta[f"{role}.json"].version = version
    thief.release("snapshot")
    thief.release("timestamp")


@attack("the server, the host's cache wiped", wipes=True)
def wiped_cache_and_replay(stage: Stage) -> None:
    """All generations are gone, and the first publication is served as it was."""
    stage.forget()
    stage.admins.put_back(stage.first_files, "timestamp.json")


@attack("both online keys, the host's clock")
def slow_host_clock(stage: Stage) -> None:
    """A list that was signed in spring and never released comes out in winter, and the host's
    clock is put back to spring."""
    thief = stage.thief
    stage.later(days=200)
    stage.admins.approve("acme", "winter")
    stage.admins.publish()
    stage.admins.renew()
    assert stage.sync().error == ""
    stage.files = stage.admins.files()
    stage.thief = stage.admins.fork()
    stage.thief.now = thief.now - timedelta(days=200)
    stage.now -= timedelta(days=200)
    publish_evil(stage)
    stage.thief.now = stage.admins.now
    sign_online(stage)


@attack(SERVER)
def no_signatures(stage: Stage) -> None:
    """A new list whose signatures were taken off."""
    publish_evil(stage)
    stage.thief.resign("acme", signers=())


@attack(SERVER)
def swapped_bytes_of_metadata(stage: Stage) -> None:
    """One byte of a new list's metadata is another one."""
    publish_evil(stage)
    file = stage.thief.file("acme")
    file.write_bytes(file.read_bytes().replace(b'"length":', b'"length":1', 1))


@attack(SERVER)
def swapped_bytes_of_a_list(stage: Stage) -> None:
    """One digit of a new list is another one."""
    publish_evil(stage)
    for file in (stage.admins.path / "targets" / "acme").glob("*.list.json"):
        file.write_bytes(file.read_bytes().replace(b"1.0", b"1.1"))


@attack(SERVER)
def list_in_place_of_denies(stage: Stage) -> None:
    """The file that the denies' name leads to holds the list."""
    publish_evil(stage, deny="more")
    target = stage.thief.roles["acme"].signed.targets["acme/deny.json"]
    folder = stage.admins.path / "targets" / "acme"
    newest = max(folder.glob("*.list.json"), key=lambda file: file.stat().st_mtime_ns)
    (folder / f"{target.hashes['sha256']}.deny.json").write_bytes(newest.read_bytes())


@attack(SERVER)
def failure_between_timestamp_and_snapshot(stage: Stage) -> None:
    """A new timestamp is there, its snapshot is not."""
    publish_evil(stage)
    stage.thief.file("snapshot").unlink()


@attack(SERVER)
def failure_between_snapshot_and_list(stage: Stage) -> None:
    """Everything new is there but one scope's metadata."""
    publish_evil(stage)
    stage.thief.file("acme").unlink()


def expired(role: str, stage: Stage) -> None:
    """A new list comes with one role that expired a second ago."""
    thief = stage.thief
    if role == "root":
        thief.publish_keys()
    if role == "emergency":
        thief.deny(role, "pay", expires_at="2026-11-24T00:00:00Z")
        thief.publish()
    else:
        publish_evil(stage)
    if role == "targets":
        thief.release("targets")
    thief.roles[role].signed.expires = thief.now + TOO_OLD
    thief.resign(role)
    for after in ("snapshot", "timestamp"):
        if role not in (after, "timestamp"):
            thief.release(after)


for expiring in ("root", "targets", "snapshot", "timestamp", "emergency", "acme"):
    add(f"expired {expiring}".replace(" ", "-"), "the server", partial(expired, expiring))


def publish_evil(stage: Stage, *, deny: str = "") -> None:
    """The thief publishes a list that approves `evil2`, with all the right keys."""
    stage.thief.approve("acme", "evil2")
    if deny:
        stage.thief.deny("acme", deny)
    stage.thief.publish()


def sign_online(stage: Stage) -> None:
    """New snapshot, new timestamp."""
    stage.thief.release("snapshot")
    stage.thief.release("timestamp")
