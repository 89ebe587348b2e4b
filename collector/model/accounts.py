"""Who may use the page and what; values only, no storing and no cryptography."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What a person may do: a reader sees all, an administrator also changes."""

    READER = "reader"
    ADMINISTRATOR = "administrator"

    def covers(self, needed: "Role") -> bool:
        """Whether somebody of this role may do what `needed` may."""
        return self is needed or self is Role.ADMINISTRATOR


@dataclass(frozen=True, slots=True)
class Account:
    """A local account; `password_hash` is argon2's encoded form."""

    name: str
    password_hash: str
    role: Role


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. `key` is the SHA-256 of the cookie's text, which is kept nowhere."""

    key: str
    who: str
    role: Role
    csrf: str
    opened_at: datetime
    expires_at: datetime
