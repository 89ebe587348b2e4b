"""Who has signed and who still has to: distinct public keys are counted, never key ids."""

from dataclasses import dataclass
from typing import Any

from tuf.api.metadata import Metadata, Root, Targets

from registrar.keys.key_folder import material, name_of


@dataclass(frozen=True, slots=True)
class SignatureStatus:
    """One count that has to be met. `may` names all who may sign, `signed` those who did.

    `demand` says whose count it is where a role has two: a new root wants the old one's, too.
    """

    role: str
    threshold: int
    signed: tuple[str, ...]
    may: tuple[str, ...]
    demand: str = ""

    @property
    def ready(self) -> bool:
        """Whether enough administrators have signed."""
        return len(self.signed) >= self.threshold

    @property
    def missing(self) -> tuple[str, ...]:
        """Who could still sign."""
        return tuple(name for name in self.may if name not in self.signed)

    def words(self) -> str:
        """`2 of 3 administrators have signed acme.pay: ann, bob`."""
        more = len(self.signed) > self.threshold
        many = f"{len(self.signed)}" if more else f"{len(self.signed)} of {self.threshold}"
        one = (len(self.signed) if more else self.threshold) == 1
        people = "administrator has" if one else "administrators have"
        who = f": {', '.join(self.signed)}" if self.signed else ""
        demand = f" ({self.demand})" if self.demand else ""
        need = f" ({self.threshold} needed)" if more else ""
        return f"{many} {people} signed {self.role}{demand}{need}{who}"


def signature_status(
    delegator: Root | Targets, role: str, metadata: Metadata[Any], demand: str = ""
) -> SignatureStatus:
    """The count for one role by its delegator's rule; a role that nobody delegates needs one
    signature more than there can be."""
    try:
        found = delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    except ValueError:
        return SignatureStatus(role, 1, (), (), demand)
    signed = {material(key): name_of(key) for key in found.signed.values()}
    may = signed | {material(key): name_of(key) for key in found.unsigned.values()}
    return SignatureStatus(
        role,
        max(1, found.threshold),
        tuple(sorted(signed.values())),
        tuple(sorted(may.values())),
        demand,
    )


def root_signature_statuses(old: Root | None, new: Metadata[Root]) -> tuple[SignatureStatus, ...]:
    """A new root needs its own administrators and those of the root before it (TUF 1.0, section
    5.3.4)."""
    own = signature_status(new.signed, "root", new)
    if old is None:
        return (own,)
    before = signature_status(old, "root", new, "as it was")
    if before.threshold == own.threshold and before.may == own.may:
        return (own,)
    return (before, signature_status(new.signed, "root", new, "as it will be"))
