"""Attacks on who may say what: paths, delegations, foreign files. Catalogue entries only."""

import json
from functools import partial

from tuf.api.metadata import DelegatedRole, Delegations, Key, SuccinctRoles

from tests.attack.metadata import TOO_OLD, sign_online
from tests.attack.stage import HOST_SCOPE, Stage, add, attack
from tests.sync.documents import NOW, Document, ScopeContent, deny
from tests.sync.roles import new_key

PROJECT = "the project's keys"
DELEGATING = "the delegating keys"


@attack(PROJECT, silent=True)
def out_of_path_targets(stage: Stage) -> None:
    """A project signs files in the organization's place."""
    thief = stage.thief
    for path, data in _evil_files("acme").items():
        thief.put_target(HOST_SCOPE, path, data)
    thief.release(HOST_SCOPE)
    sign_online(stage)


@attack(PROJECT, silent=True)
def further_files_in_its_own_path(stage: Stage) -> None:
    """A project signs more files than the two that hosts read."""
    thief = stage.thief
    thief.put_target(HOST_SCOPE, f"{HOST_SCOPE}/approvals.json", b'{"approvals": "all"}')
    thief.put_target(HOST_SCOPE, f"{HOST_SCOPE}/../acme/list.json", b"{}")
    thief.release(HOST_SCOPE)
    sign_online(stage)


@attack(DELEGATING)
def parent_shadows_childs_path(stage: Stage) -> None:
    """`targets` itself signs a list in a scope's place."""
    thief = stage.thief
    for path, data in _evil_files("acme").items():
        thief.put_target("targets", path, data)
    thief.release("targets")
    sign_online(stage)


def delegated_otherwise(changes: Document, stage: Stage) -> None:
    """The organization's delegation is not as the format wants it, and its list is new."""
    thief = stage.thief
    role = thief.roles["targets"].signed.delegations.roles["acme"]
    for name, value in changes.items():
        setattr(role, name, value)
    thief.approve("acme", "evil2")
    thief.publish()
    thief.release("targets")
    sign_online(stage)


DELEGATIONS: dict[str, Document] = {
    "delegation-not-terminating": {"terminating": False},
    "delegation-of-every-path": {"paths": ["acme/*", "*/*"]},
    "delegation-of-another-path": {"paths": ["acme.pay/*"]},
    "delegation-of-no-path": {"paths": []},
    "delegation-by-hash-prefix": {"paths": None, "path_hash_prefixes": ["0", "1", "a"]},
}
for wrong, changes in DELEGATIONS.items():
    add(wrong, DELEGATING, partial(delegated_otherwise, changes))


@attack("the keys of a scope that the host is not in, a broad delegation")
def expired_sibling_with_a_broad_glob(stage: Stage) -> None:
    """A sibling that may sign everything comes first, and has expired."""
    thief = stage.thief
    roles = thief.roles["targets"].signed.delegations.roles
    roles["acme.ops"].paths = ["*/*"]
    roles["acme.ops"].terminating = False
    first = {"acme.ops": roles.pop("acme.ops"), **roles}
    thief.roles["targets"].signed.delegations.roles = first
    thief.roles["acme.ops"].signed.expires = thief.now + TOO_OLD
    thief.resign("acme.ops")
    thief.release("targets")
    sign_online(stage)


@attack("the keys of a scope that the host is not in, a broad delegation")
def sibling_with_a_broad_glob(stage: Stage) -> None:
    """A sibling that may sign everything comes first, and signs the organization's list."""
    thief = stage.thief
    roles = thief.roles["targets"].signed.delegations.roles
    roles["acme.ops"].paths = ["*/*"]
    thief.roles["targets"].signed.delegations.roles = {"acme.ops": roles.pop("acme.ops"), **roles}
    for path, data in _evil_files("acme").items():
        thief.put_target("acme.ops", path, data)
    thief.release("acme.ops")
    thief.release("targets")
    sign_online(stage)


@attack("the organization's keys", silent=True)
def scope_delegates_further(stage: Stage) -> None:
    """The organization's role has delegations of its own, for its own path."""
    thief = stage.thief
    key = new_key("evil").public_key
    keys: dict[str, Key] = {key.keyid: key}
    role = DelegatedRole("evil", [key.keyid], 1, terminating=True, paths=["acme/*"])
    thief.roles["acme"].signed.delegations = Delegations(keys, {"evil": role})
    thief.release("acme")
    sign_online(stage)


@attack("the organization's keys")
def scope_hands_its_files_to_another(stage: Stage) -> None:
    """The organization's role signs no list, but lets another role do so."""
    thief = stage.thief
    signer = new_key("evil")
    role = DelegatedRole("acme.ops", [signer.public_key.keyid], 1, False, ["acme/*"])
    keys: dict[str, Key] = {signer.public_key.keyid: signer.public_key}
    thief.roles["acme"].signed.delegations = Delegations(keys, {"acme.ops": role})
    del thief.roles["acme"].signed.targets["acme/list.json"]
    for path, data in _evil_files("acme").items():
        thief.put_target("acme.ops", path, data)
    thief.release("acme.ops", signers=[*thief.keys["acme.ops"], signer])
    thief.release("acme")
    sign_online(stage)


@attack(DELEGATING)
def delegations_to_hash_bins(stage: Stage) -> None:
    """All delegations are replaced by succinct ones, whose names nobody chose."""
    thief = stage.thief
    key = new_key("evil").public_key
    bins = SuccinctRoles([key.keyid], 1, 2, "acme")
    signed = thief.roles["targets"].signed
    signed.delegations = Delegations({key.keyid: key}, None, bins)
    thief.release("targets")
    sign_online(stage)


@attack(DELEGATING)
def scope_no_longer_delegated(stage: Stage) -> None:
    """The organization is struck from the delegations: its denies would be nobody's."""
    thief = stage.thief
    del thief.roles["targets"].signed.delegations.roles["acme"]
    thief.release("targets")
    sign_online(stage)


@attack("those on call", silent=True)
def emergency_signs_a_list(stage: Stage) -> None:
    """Those on call sign approvals of their own, and the organization's denies."""
    thief = stage.thief
    for path, data in {**_evil_files("emergency"), **_evil_files("acme")}.items():
        if path != "emergency/deny.json":
            thief.put_target("emergency", path, data)
    thief.release("emergency")
    sign_online(stage)


def emergency_says(extra: Document, stage: Stage) -> None:
    """Those on call say something that they may not say."""
    stage.thief.contents["emergency"].extra_denies = extra
    stage.thief.publish()


LONG = deny("pay", expires_at="2026-11-24T12:00:01Z")
LIFT = {"digests": deny("evil")["digests"], "lifts": "deny", "reason": "now", "owner": "eve"}
SAID: dict[str, Document] = {
    "emergency-longer-than-24-hours": {"denies": [LONG]},
    "emergency-without-end": {"denies": [deny("pay")]},
    "emergency-without-beginning": {"denies": [{**LONG, "denied_at": ""}]},
    "emergency-lifts-a-deny": {"waivers": [{**LIFT, "expires_at": "2026-11-24T00:00:00Z"}]},
    "emergency-approves": {"approvals": []},
    "emergency-sets-constraints": {"constraints": {}},
}
for said, extra in SAID.items():
    add(said, "those on call", partial(emergency_says, extra))


def _evil_files(scope: str) -> dict[str, bytes]:
    content = ScopeContent(scope, sequence=9)
    said = content.list_document(NOW, lambda _: {})
    documents = {"deny": content.deny_document(), "list": said}
    return {f"{scope}/{n}.json": json.dumps(d).encode() for n, d in documents.items()}
