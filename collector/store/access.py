"""The audit log, local accounts and sessions; knows no passwords in the clear and no HTTP.

Fulfils `collector.model.page_ports.Audit` and `collector.model.page_ports.Accounts`.
"""

from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from collector.model.accounts import Account, Role, Session
from collector.model.page_values import AuditEntry, Slice
from collector.model.times import us, when
from collector.store.database import Database
from collector.store.paging import after_id, sliced
from collector.store.randomness import random_bytes
from collector.store.schema import accounts, audit, sessions
from core.ids import new_id

LOGIN_FAILED = "login.failed"


def write_entry(connection: Connection, entry: AuditEntry) -> None:
    """Add to the log within the transaction of what is logged."""
    connection.execute(
        insert(audit).values(
            audit_id=new_id(entry.at, random_bytes()),
            at=us(entry.at),
            who=_fit(entry.who),
            action=entry.action,
            subject=_fit(entry.subject),
            detail=_fit(entry.detail),
            address=_fit(entry.address),
        )
    )


def _fit(text: str) -> str:
    return text[:1000].replace("\0", "\ufffd").encode("utf-8", "replace").decode()


class AuditLog:
    """The log of changes, which nobody edits."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, entry: AuditEntry) -> None:
        """Kept durably when this returns."""
        with self._database.write() as connection:
            write_entry(connection, entry)

    def entries(self, after: str = "", limit: int = 100) -> Slice[AuditEntry]:
        """Latest first."""
        a = audit.c
        statement = select(audit).order_by(a.audit_id.desc()).limit(limit + 1)
        if last := after_id(after):
            statement = statement.where(a.audit_id < last)
        with self._database.read() as connection:
            rows = connection.execute(statement).all()
        return sliced(
            rows,
            limit,
            lambda r: r.audit_id,
            lambda r: AuditEntry(when(r.at), r.who, r.action, r.subject, r.detail, r.address),
        )

    def failed_logins(self, address: str, since: datetime) -> int:
        """How many `login.failed` came from the address, so that replicas share the limit."""
        a = audit.c
        statement = (
            select(func.count())
            .select_from(audit)
            .where(a.address == _fit(address), a.at >= us(since), a.action == LOGIN_FAILED)
        )
        with self._database.read() as connection:
            return connection.execute(statement).scalar_one()


class AccountBook:
    """Local accounts and the sessions of all."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def account(self, name: str) -> Account | None:
        """A local account, or None."""
        if "\0" in name or not _encodable(name):
            return None
        statement = select(accounts).where(accounts.c.name == name)
        with self._database.read() as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else Account(row.name, row.password_hash, Role(row.role))

    def set_account(self, account: Account, by: str, now: datetime) -> None:
        """Make or replace it, and close all its sessions."""
        values = {"password_hash": account.password_hash, "role": str(account.role)}
        named = accounts.c.name == account.name
        with self._database.write() as connection:
            if not connection.execute(update(accounts).where(named).values(values)).rowcount:
                connection.execute(insert(accounts).values(name=account.name, **values))
            connection.execute(delete(sessions).where(sessions.c.who == account.name))
            write_entry(connection, AuditEntry(now, by, "account.set", account.name, "", ""))

    def open_session(self, session: Session) -> None:
        """Keep it, and forget those that have expired by its `opened_at`."""
        with self._database.write() as connection:
            connection.execute(
                delete(sessions).where(sessions.c.expires_at <= us(session.opened_at))
            )
            connection.execute(
                insert(sessions).values(
                    key=session.key,
                    who=session.who,
                    role=str(session.role),
                    csrf=session.csrf,
                    opened_at=us(session.opened_at),
                    expires_at=us(session.expires_at),
                )
            )

    def session(self, key: str, now: datetime) -> Session | None:
        """The session unless it is closed or has expired by `now`."""
        s = sessions.c
        statement = select(sessions).where(s.key == key, s.expires_at > us(now))
        with self._database.read() as connection:
            row = connection.execute(statement).one_or_none()
        if row is None:
            return None
        times = when(row.opened_at), when(row.expires_at)
        return Session(row.key, row.who, Role(row.role), row.csrf, *times)

    def close_session(self, key: str) -> None:
        """Forget it; nothing happens if there is none."""
        with self._database.write() as connection:
            connection.execute(delete(sessions).where(sessions.c.key == key))


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
