"""A fleet in memory behind the page's ports, filled with what a real one would show."""

import random
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from argon2 import PasswordHasher

from collector.model.accounts import Account, Role, Session
from collector.model.page_ports import Actor
from collector.model.page_values import (
    AuditEntry,
    FindingFilter,
    FindingRow,
    FleetSummary,
    Gap,
    Handling,
    HostDetail,
    HostFilter,
    HostRow,
    HostStatus,
    ImageHost,
    Layer,
    LevelCount,
    Secret,
    Slice,
    Slot,
    TimelineEntry,
    UnapprovedImage,
)
from collector.web.request_context import PageSettings, Ports

NOW = datetime(2026, 11, 23, 14, 5, 9, tzinfo=UTC)
DAY = timedelta(days=1)
PASSWORD = "correct horse battery staple"
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)  # quick
Row = TypeVar("Row")

IMAGES = (
    ("docker.io/library/nginx:latest", "unlisted", "registry.acme.example/approved/nginx:1.27.3"),
    ("docker.io/bitnami/redis:6.2", "expired", "registry.acme.example/approved/redis:7.4.1"),
    ("ghcr.io/someone/xmrig:6.21", "denied", ""),
    ("web:dev", "unlisted", ""),
    ("quay.io/keycloak/keycloak:23.0", "revoked", "registry.acme.example/approved/keycloak:26.0"),
    ("docker.io/library/python:3.9-slim", "unlisted", "registry.acme.example/approved/python:3.12"),
)
SCOPES = ("acme", "acme.pay", "acme.pay.web", "acme.shop", "acme.shop.cart")


def digest_of(number: int) -> str:
    return "sha256:" + f"{number * 2654435761 % 2**32:08x}" * 8


def sliced(rows: Iterable[Row], after: str, limit: int) -> Slice[Row]:
    kept = tuple(rows)
    start = int(after) if after.isdigit() else 0
    end = start + limit
    return Slice(kept[start:end], str(end) if end < len(kept) else "")


_TROUBLE = {
    HostStatus.OFFLINE: 0,
    HostStatus.DEGRADED: 1,
    HostStatus.MISSING: 2,
    HostStatus.ONLINE: 3,
}


@dataclass
class World:
    """Implements all four ports; change its lists to change the world."""

    host_rows: list[HostRow] = field(default_factory=list)
    found: list[FindingRow] = field(default_factory=list)
    layers: dict[str, tuple[Layer, ...]] = field(default_factory=dict)
    gaps: dict[str, tuple[Gap, ...]] = field(default_factory=dict)
    revoked_hosts: dict[str, datetime] = field(default_factory=dict)
    secret_rows: list[Secret] = field(default_factory=list)
    log: list[AuditEntry] = field(default_factory=list)
    sessions: dict[str, Session] = field(default_factory=dict)
    people: dict[str, Account] = field(
        default_factory=lambda: {
            "admin": Account("admin", HASH, Role.ADMINISTRATOR),
            "reader": Account("reader", HASH, Role.READER),
        }
    )
    clock: datetime = NOW

    def ports(self) -> Ports:
        return Ports(self, self, self, self, lambda: self.clock)

    def _matching(self, wanted: FindingFilter) -> Iterator[FindingRow]:
        for row in sorted(self.found, key=lambda f: (f.at, f.event_id), reverse=True):
            in_scope = row.scope == wanted.scope or row.scope.startswith(wanted.scope + ".")
            if (
                (wanted.since is None or row.at >= wanted.since)
                and (wanted.until is None or row.at < wanted.until)
                and wanted.host in ("", row.host_id)
                and (not wanted.scope or in_scope)
                and wanted.verdict in ("", row.verdict)
                and wanted.handling in (None, row.handling)
                and wanted.image in ("", row.digest)
                and wanted.search in row.container + row.reference + row.host_name
            ):
                yield row

    def summary(self, now: datetime) -> FleetSummary:
        day = Counter(f.handling for f in self._matching(FindingFilter(since=now - DAY)))
        modes = Counter(row.mode for row in self.host_rows)
        return FleetSummary(
            hosts=Counter(row.status for row in self.host_rows),
            enforcing=modes["enforce"],
            observing=modes["observe"],
            killed=day[Handling.KILLED],
            reported=day[Handling.REPORTED],
            unapproved_images=len({f.digest for f in self.found}),
            drifted_hosts=len(self.layers),
            stale_lists=sum(1 for r in self.host_rows if r.list_expires and r.list_expires < now),
            hosts_with_gaps=len(self.gaps),
            dropped_records=120 if self.gaps else 0,
        )

    def over_time(self, wanted: FindingFilter, width: timedelta) -> tuple[Slot, ...]:
        assert wanted.since and wanted.until
        counts = Counter(
            ((f.at - wanted.since) // width, f.handling) for f in self._matching(wanted)
        )
        many = -(-(wanted.until - wanted.since) // width)
        return tuple(
            Slot(
                wanted.since + width * n,
                width,
                counts[n, Handling.KILLED],
                counts[n, Handling.REPORTED],
            )
            for n in range(many)
        )

    def by_level(self, wanted: FindingFilter) -> tuple[LevelCount, ...]:
        counts = Counter((f.scope, f.handling) for f in self._matching(wanted))
        levels = [
            LevelCount(s, counts[s, Handling.KILLED], counts[s, Handling.REPORTED])
            for s in {scope for scope, _ in counts}
        ]
        return tuple(sorted(levels, key=lambda level: -level.killed - level.reported))

    def scopes(self) -> tuple[str, ...]:
        return tuple(sorted({r.scope for r in self.host_rows} | {f.scope for f in self.found}))

    def unapproved(self, wanted: FindingFilter, limit: int) -> tuple[UnapprovedImage, ...]:
        groups: dict[str, list[FindingRow]] = {}
        for row in self._matching(wanted):
            groups.setdefault(row.digest, []).append(row)
        made = [self._image(rows) for rows in groups.values()]
        return tuple(sorted(made, key=lambda image: -image.hosts)[:limit])

    @staticmethod
    def _image(rows: list[FindingRow]) -> UnapprovedImage:
        handled = Counter(row.handling for row in rows)
        newest = rows[0]
        return UnapprovedImage(
            newest.digest,
            newest.reference,
            newest.verdict,
            len({row.host_id for row in rows}),
            handled[Handling.KILLED],
            handled[Handling.REPORTED],
            rows[-1].at,
            newest.at,
            newest.nearest,
        )

    def image_hosts(self, digest: str, after: str = "", limit: int = 100) -> Slice[ImageHost]:
        groups: dict[str, list[FindingRow]] = {}
        for row in self._matching(FindingFilter(image=digest)):
            groups.setdefault(row.host_id, []).append(row)
        hosts = [
            ImageHost(key, r[0].host_name, r[0].reference, len(r), 0, r[0].at, running=len(r) % 2)
            for key, r in groups.items()
        ]
        return sliced(hosts, after, limit)

    def findings(
        self, wanted: FindingFilter, after: str = "", limit: int = 100
    ) -> Slice[FindingRow]:
        return sliced(self._matching(wanted), after, limit)

    def hosts(
        self, wanted: HostFilter, now: datetime, after: str = "", limit: int = 100
    ) -> Slice[HostRow]:
        assert now == self.clock  # one clock for a whole page
        rows = (
            row
            for row in sorted(self.host_rows, key=lambda row: (_TROUBLE[row.status], row.name))
            if wanted.status in (None, row.status)
            and row.scope.startswith(wanted.scope)
            and wanted.search in row.name
        )
        return sliced(rows, after, limit)

    def host(self, host_id: str, now: datetime) -> HostDetail | None:
        row = next((row for row in self.host_rows if row.id == host_id), None)
        if row is None:
            return None
        return HostDetail(
            row=row,
            enrolled_at=now - 90 * DAY,
            token_revoked_at=self.revoked_hosts.get(host_id),
            engine_version="28.5.2",
            system="Debian GNU/Linux 12 (bookworm)",
            layers=self.layers.get(host_id, HELD),
            gaps=self.gaps.get(host_id, ()),
            spool_depth=3,
            dropped_records=120 if host_id in self.gaps else 0,
            figures={"Memory": "41 MB", "Processor time": "12.5 s"},
        )

    def timeline(self, host_id: str, after: str = "", limit: int = 50) -> Slice[TimelineEntry]:
        own = [
            TimelineEntry(f.event_id, f.at, "violation", f.severity, "container.refused", f.summary)
            for f in self._matching(FindingFilter(host=host_id))
        ]
        return sliced(own, after, limit)

    def secrets(self) -> tuple[Secret, ...]:
        return tuple(reversed(self.secret_rows))

    def create(
        self, note: str, lifetime: timedelta, most_uses: int | None, by: Actor, now: datetime
    ) -> tuple[Secret, str]:
        made = Secret(
            str(uuid.uuid4()), note, now, by.who, now + lifetime, 0, most_uses, revoked_at=None
        )
        self.secret_rows.append(made)
        self._note("secret.created", note, by, now)
        return made, f"dwe_{made.id}_onlyonce"

    def revoke(self, secret_id: str, by: Actor, now: datetime) -> bool:
        for index, secret in enumerate(self.secret_rows):
            if secret.id == secret_id and secret.revoked_at is None:
                self.secret_rows[index] = replace(secret, revoked_at=now)
                self._note("secret.revoked", secret.note, by, now)
                return True
        return False

    def revoke_host(self, host_id: str, by: Actor, now: datetime) -> bool:
        if host_id in self.revoked_hosts:
            return False
        self.revoked_hosts[host_id] = now
        self._note("host.revoked", host_id, by, now)
        return True

    def _note(self, action: str, subject: str, by: Actor, now: datetime) -> None:
        self.record(AuditEntry(now, by.who, action, subject, "", by.address))

    def record(self, entry: AuditEntry) -> None:
        self.log.append(entry)

    def entries(self, after: str = "", limit: int = 100) -> Slice[AuditEntry]:
        return sliced(reversed(self.log), after, limit)

    def failed_logins(self, address: str, since: datetime) -> int:
        return sum(
            1
            for entry in self.log
            if entry.action == "login.failed" and entry.address == address and entry.at >= since
        )

    def account(self, name: str) -> Account | None:
        return self.people.get(name)

    def open_session(self, session: Session) -> None:
        self.sessions[session.key] = session

    def session(self, key: str, now: datetime) -> Session | None:
        session = self.sessions.get(key)
        return session if session and session.expires_at > now else None

    def close_session(self, key: str) -> None:
        self.sessions.pop(key, None)


HELD = (
    Layer("daemon.json", "held"),
    Layer("firewall", "held", "12 public registries blocked"),
    Layer("gate", "held"),
)


def settings(*, https: bool = False) -> PageSettings:
    return PageSettings("https://collector.acme.example", https=https, cookie_key="k" * 32)


def finding(at: datetime, host: HostRow, which: int, **changes: object) -> FindingRow:
    """A violation by one of `IMAGES`; the same arguments give the same one."""
    reference, verdict, nearest = IMAGES[which]
    killed = host.mode == "enforce" and verdict != "expired"
    row = FindingRow(
        event_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{at}{host.id}{which}")),
        at=at,
        host_id=host.id,
        host_name=host.name,
        severity="error" if killed else "warning",
        summary=f"{reference} was {'refused' if killed else 'reported'}",
        container=f"trial-{which}",
        reference=reference,
        digest=digest_of(which + 1),
        verdict=verdict,
        reason=f"The image ({digest_of(which + 1)[:15]}…) is not approved by acme or {host.scope}.",
        scope=host.scope,
        handling=Handling.KILLED if killed else Handling.REPORTED,
        action="kill" if killed else "report",
        enforcement_point="gate" if killed else "start",
        ran_ms=0.0 if killed else None,
        error="",
        next_step=f"Use the approved image instead: docker pull {nearest}." if nearest else "",
        nearest=nearest,
        labels={"com.docker.compose.project": "shop"},
    )
    return replace(row, **changes)  # type: ignore[arg-type]  # names are checked by replace


def host_row(number: int, status: HostStatus = HostStatus.ONLINE) -> HostRow:
    """A host of the fleet; every ninth only observes."""
    reasons = {
        HostStatus.DEGRADED: ("firewall drifted: 2 rules are missing", "the gate is not working"),
        HostStatus.OFFLINE: ("silent for 2 h",),
        HostStatus.MISSING: ("silent for 41 d",),
    }.get(status, ())
    silent = {HostStatus.OFFLINE: timedelta(hours=2), HostStatus.MISSING: 41 * DAY}
    return HostRow(
        id=str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))),
        name=f"web-{number:03}.acme.example",
        scope=SCOPES[number % len(SCOPES)],
        status=status,
        reasons=reasons,
        mode="observe" if number % 9 == 8 else "enforce",
        agent_version="0.1.0",
        list_sequence=41,
        list_expires=NOW + timedelta(hours=20) if number % 13 else NOW - timedelta(hours=3),
        last_seen=NOW - silent.get(status, timedelta(seconds=number * 7)),
        violations=number % 4,
    )


def busy_world(hosts: int = 60) -> World:
    """A fleet on an ordinary Monday."""
    chance = random.Random(5)
    world = World()
    odd = {7: HostStatus.DEGRADED, 12: HostStatus.OFFLINE, 23: HostStatus.MISSING}
    world.host_rows = [host_row(n, odd.get(n, HostStatus.ONLINE)) for n in range(hosts)]
    for _ in range(hosts * 6):
        ago = timedelta(seconds=chance.expovariate(1 / (2.5 * 86400)))
        which = chance.choices(range(len(IMAGES)), (9, 5, 1, 4, 2, 6))[0]
        world.found.append(finding(NOW - ago, chance.choice(world.host_rows), which))
    degraded = world.host_rows[7].id
    world.layers[degraded] = (*HELD[:1], Layer("firewall", "drifted", "2 rules are missing"))
    world.gaps[degraded] = (Gap("missing", 118, 121, NOW - DAY, "announced: the spool was full"),)
    by = AuditEntry(NOW - DAY, "admin", "login.succeeded", "admin", "as administrator", "192.0.2.7")
    world.log.append(by)
    world.secret_rows = [
        Secret("s-1", "shop, rack 4", NOW - DAY, "admin", NOW + DAY, 12, 40, None),
        Secret("s-0", "trial", NOW - 9 * DAY, "admin", NOW - 8 * DAY, 1, 1, None),
    ]
    return world
