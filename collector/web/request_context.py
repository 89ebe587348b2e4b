"""One request as a page sees it; knows the ports, neither routes nor templates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlencode

from collector.model.accounts import Role, Session
from collector.model.page_ports import Accounts, Audit, Enrolment, Fleet
from collector.model.page_values import AuditEntry


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """An OpenID Connect provider. `groups` maps values of the claim `groups_claim` to roles;
    who is in none of them may not come in. `label` is what the button says."""

    issuer: str
    client_id: str
    client_secret: str
    groups: Mapping[str, Role]
    groups_claim: str = "groups"
    scopes: str = "openid profile email groups"
    label: str = "Sign in with your company account"


@dataclass(frozen=True, slots=True)
class PageSettings:
    """How the page is run. `url` is where people and hosts reach the collector, without a slash at
    its end; with `https` cookies are for encrypted connections only. `cookie_key` signs the
    few minutes of an OIDC login and has to be the same on all replicas."""

    url: str
    https: bool
    cookie_key: str
    session_lifetime: timedelta = timedelta(hours=12)
    oidc: OidcSettings | None = None


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything the page works with; `now` is the collector's clock, aware and UTC."""

    fleet: Fleet
    enrolment: Enrolment
    audit: Audit
    accounts: Accounts
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, and from where."""

    who: str
    address: str


@dataclass(frozen=True, slots=True)
class RequestContext:
    """A request that was let in: `session` is None only on pages that are for everybody.

    `query` and `form` hold the last value of each name.
    """

    ports: Ports
    settings: PageSettings
    now: datetime
    path: str
    address: str
    session: Session | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)

    @property
    def actor(self) -> Actor:
        """For the audit log."""
        return Actor(self.session.who if self.session else "", self.address)

    @property
    def may_change(self) -> bool:
        """Whether an administrator is looking."""
        return self.session is not None and self.session.role.covers(Role.ADMINISTRATOR)

    def same_page(self, **changes: str) -> str:
        """This page's address with parts of its query changed; empty text leaves one out."""
        query = {name: value for name, value in {**self.query, **changes}.items() if value}
        return self.path + ("?" + urlencode(query) if query else "")

    def note(self, action: str, subject: str, detail: str = "", who: str = "") -> None:
        """Write to the audit log what happened now."""
        who = who or self.actor.who
        self.ports.audit.record(AuditEntry(self.now, who, action, subject, detail, self.address))
