"""Who signs what in a test's repository: keys, the root that names them, the delegations."""

from collections.abc import Iterable, Mapping, Sequence

from securesystemslib.signer import CryptoSigner, Key, Signer
from tuf.api.metadata import DelegatedRole, Delegations, Root

EMERGENCY = "emergency"
TOP = ("root", "targets", "snapshot", "timestamp")

Keys = Mapping[str, Sequence[Signer]]


def new_key(name: str) -> CryptoSigner:
    """An Ed25519 key under this name."""
    signer = CryptoSigner.generate_ed25519()
    signer.public_key.unrecognized_fields["x-dockwarden-name"] = name
    return signer


def root_of(keys: Keys, thresholds: Mapping[str, int], version: int) -> Root:
    """The root that names these keys, not signed yet."""
    signed = Root(consistent_snapshot=True)
    signed.version = version
    for role in TOP:
        for signer in keys[role]:
            signed.add_key(signer.public_key, role)
        signed.roles[role].threshold = thresholds[role]
    return signed


def delegations_of(names: Iterable[str], keys: Keys, thresholds: Mapping[str, int]) -> Delegations:
    """What `targets` delegates: to each of these roles its own path alone, in this order."""
    known: dict[str, Key] = {}
    roles: dict[str, DelegatedRole] = {}
    for name in names:
        known |= {signer.public_key.keyid: signer.public_key for signer in keys[name]}
        roles[name] = DelegatedRole(
            name,
            [signer.public_key.keyid for signer in keys[name]],
            thresholds[name],
            terminating=True,
            paths=[f"{name}/*"],
        )
    return Delegations(known, roles)
