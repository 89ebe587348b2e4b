"""Who may report: enrolment secrets and hosts' tokens; knows no HTTP.

Fulfils `collector.model.page_ports.Enrolment`. Each change and its audit entry are one transaction.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Row, and_, insert, or_, select, update

from collector.model.page_ports import Actor
from collector.model.page_values import AuditEntry, Secret
from collector.model.times import us, when, when_or_none
from collector.store import tokens
from collector.store.access import write_entry
from collector.store.database import Database
from collector.store.randomness import random_bytes
from collector.store.schema import hosts, secrets
from core.ids import new_id


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at the command line, or a host that enrols."""

    who: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A new host identity; the token's text is kept nowhere."""

    host_id: str
    token: str


class EnrolmentStore:
    """Makes and revokes secrets, and exchanges them for hosts' tokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def secrets(self) -> tuple[Secret, ...]:
        """All that have not been forgotten, latest first."""
        with self._database.read() as connection:
            rows = connection.execute(select(secrets).order_by(secrets.c.secret_id.desc()))
            return tuple(map(_secret, rows))

    def create(
        self, note: str, lifetime: timedelta, most_uses: int | None, by: Actor, now: datetime
    ) -> tuple[Secret, str]:
        """A new secret and its text, which exists nowhere else afterwards."""
        token = tokens.make(tokens.ENROLMENT, new_id(now, random_bytes()))
        secret = Secret(token.id, note, now, by.who, now + lifetime, 0, most_uses, None)
        with self._database.write() as connection:
            connection.execute(
                insert(secrets).values(
                    secret_id=token.id,
                    secret_hash=token.hash,
                    note=note,
                    created_at=us(now),
                    created_by=by.who,
                    expires_at=us(secret.expires_at),
                    most_uses=most_uses,
                )
            )
            write_entry(connection, _entry("secret.created", token.id, note, by, now))
        return secret, token.text

    def revoke(self, secret_id: str, by: Actor, now: datetime) -> bool:
        """False if there is no such secret in force."""
        if not _is_uuid(secret_id):
            return False
        s = secrets.c
        with self._database.write() as connection:
            done = connection.execute(
                update(secrets)
                .where(s.secret_id == secret_id, s.revoked_at.is_(None), s.expires_at > us(now))
                .values(revoked_at=us(now))
            ).rowcount
            if done:
                write_entry(connection, _entry("secret.revoked", secret_id, "", by, now))
        return bool(done)

    def revoke_host(self, host_id: str, by: Actor, now: datetime) -> bool:
        """Take the host's token away; False if it has none."""
        if not _is_uuid(host_id):
            return False
        with self._database.write() as connection:
            done = connection.execute(
                update(hosts)
                .where(hosts.c.host_id == host_id, hosts.c.token_revoked_at.is_(None))
                .values(token_revoked_at=us(now))
            ).rowcount
            if done:
                write_entry(connection, _entry("host.token_revoked", host_id, "", by, now))
        return bool(done)

    def enrol(
        self, secret: str, *, machine_id: str, boot_id: str, hostname: str, by: Actor, now: datetime
    ) -> Enrolled | None:
        """A new identity, always: two machines with one machine id never share one. None if the
        secret is not in force."""
        secret_id = tokens.id_of(tokens.ENROLMENT, secret)
        if secret_id is None or not _is_uuid(secret_id):
            return None
        host_id = new_id(now, random_bytes())
        token = tokens.make(tokens.HOST, random_bytes(16).hex())
        s = secrets.c
        in_force = and_(
            s.secret_id == secret_id,
            s.secret_hash == tokens.digest(secret),  # 256 random bits: timing reveals nothing
            s.revoked_at.is_(None),
            s.expires_at > us(now),
            or_(s.most_uses.is_(None), s.used < s.most_uses),
        )
        with self._database.write() as connection:
            if not connection.execute(
                update(secrets).where(in_force).values(used=s.used + 1)
            ).rowcount:
                return None
            connection.execute(
                insert(hosts).values(
                    host_id=host_id,
                    name=hostname,
                    machine_id=machine_id,
                    boot_id=boot_id,
                    enrolled_at=us(now),
                    token_id=token.id,
                    token_hash=token.hash,
                )
            )
            write_entry(connection, _entry("host.enrolled", host_id, hostname, by, now))
        return Enrolled(host_id, token.text)

    def host_of(self, token: str) -> str | None:
        """The host whose token in force this is."""
        token_id = tokens.id_of(tokens.HOST, token)
        if token_id is None:
            return None
        h = hosts.c
        with self._database.read() as connection:
            row = connection.execute(
                select(h.host_id, h.token_hash).where(
                    h.token_id == token_id, h.token_revoked_at.is_(None)
                )
            ).one_or_none()
        return row.host_id if row is not None and tokens.fits(token, row.token_hash) else None


def _secret(row: Row[tuple[object, ...]]) -> Secret:
    return Secret(
        id=row.secret_id,
        note=row.note,
        created_at=when(row.created_at),
        created_by=row.created_by,
        expires_at=when(row.expires_at),
        used=row.used,
        most_uses=row.most_uses,
        revoked_at=when_or_none(row.revoked_at),
    )


def _entry(action: str, subject: str, detail: str, by: Actor, now: datetime) -> AuditEntry:
    return AuditEntry(now, by.who, action, subject, detail, by.address)


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
