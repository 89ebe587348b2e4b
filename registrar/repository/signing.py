"""Signs what waits: only what the drafts say, and only with keys that the rules allow."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Signature, Signer

from registrar.keys.key_folder import tuf_key
from registrar.registrar_errors import KeyUnusable, NotReady
from registrar.repository.pending import PendingRole, drop_pending, save_pending, save_signatures
from registrar.repository.plan import Plan
from registrar.workspace import EnrolledKey, Workspace


@dataclass(frozen=True, slots=True)
class Signing:
    """What one administrator is about to sign, role by role."""

    key: EnrolledKey
    roles: tuple[str, ...]


def signing(
    prepared: Plan, keys: Mapping[str, EnrolledKey], name: str, roles: Sequence[str] = ()
) -> Signing:
    """What of the plan this key may sign and has not; `roles` narrows it down, none means all.

    Raises `KeyUnusable` for a key that is not enrolled, `NotReady` for a role that it may not
    sign or of which nothing waits.
    """
    if name not in keys:
        raise KeyUnusable(
            f"no key {name[:60]!r} is enrolled", hint=f"enrolled are {', '.join(keys) or 'none'}"
        )
    for role in roles:
        if role not in prepared.steps:
            raise NotReady(f"{role}: nothing waits for signatures", hint="see `status`")
        if name not in _may(prepared, role):
            raise NotReady(
                f"{role}: {name} may not sign it",
                hint=f"{', '.join(_may(prepared, role)) or 'nobody'} may",
            )
    mine = [role for role in prepared.steps if name in _may(prepared, role)]
    left = [role for role in mine if not _has_signed(prepared, role, name)]
    return Signing(keys[name], tuple(role for role in left if not roles or role in roles))


def sign(
    workspace: Workspace, prepared: Plan, desired: Signing, open_signer: Callable[[], Signer]
) -> None:
    """Build what nobody has built yet, sign, keep the signatures. Nothing is kept unless every
    signature was made and verifies."""
    signer = open_signer()
    key = tuf_key(desired.key)
    made: list[tuple[str, str, Signature]] = []
    for role in desired.roles:
        data = prepared.steps[role].metadata.signed_bytes
        signature = signer.sign(data)
        try:
            key.verify_signature(signature, data)
        except UnverifiedSignatureError as error:
            raise KeyUnusable(
                f"{desired.key.name}: what it signed does not verify with its public half",
                hint="is the URI that of another key? enrol the right public half",
            ) from error
        made.append((role, desired.key.name, signature))
    gone = [role for role in prepared.outdated if role not in prepared.steps]
    if gone:
        drop_pending(workspace, gone, f"No longer to be signed: {', '.join(sorted(gone))}")
    for role in desired.roles:
        if role in prepared.fresh:
            step: PendingRole = prepared.steps[role]
            save_pending(workspace, step, f"{step.signed_name()}: ready to be signed")
    save_signatures(workspace, made, f"{', '.join(desired.roles)}: signed by {desired.key.name}")


def _may(prepared: Plan, role: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(n for s in prepared.signature_statuses(role) for n in s.may))


def _has_signed(prepared: Plan, role: str, name: str) -> bool:
    """Whether its signature counts wherever it may count."""
    counts = [s for s in prepared.signature_statuses(role) if name in s.may]
    return all(name in s.signed for s in counts)
