"""The tables, for SQLite and PostgreSQL alike; knows no queries and no values of the page.

Times are whole microseconds since 1970, UTC (`*_at`), so that both databases compare and group
them in the same way. Event ids are UUIDv7: they sort by time and are what events are partitioned by
in PostgreSQL, since a partition key has to be part of the primary key.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

metadata = MetaData(
    naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_name)s"}
)


def _uuid() -> TypeEngine[str]:
    return String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")


def _text(name: str, default: str = "") -> Column[str]:
    return Column(name, Text, nullable=False, server_default=default)


def _at(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=null)


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=text("0"))


hosts = Table(
    "hosts",
    metadata,
    Column("host_id", _uuid(), primary_key=True),
    _text("name"),
    _text("machine_id"),
    _text("boot_id"),
    _at("enrolled_at"),
    _text("token_id"),
    _text("token_hash"),
    _at("token_revoked_at", null=True),
    _at("last_seen_at", null=True),  # by the collector's clock, any accepted request
    _at("heartbeat_at", null=True),
    Column("interval_s", Integer, nullable=False, server_default=text("300")),
    _text("status", "offline"),  # as last announced: online, degraded, offline, missing
    _at("status_at", null=True),
    _text("scope"),
    _text("mode"),
    _text("reasons", "[]"),  # JSON array of sentences; not empty is degraded
    _text("agent_version"),
    _text("engine_version"),
    _text("system"),
    Column("list_sequence", BigInteger),
    _at("list_expires_at", null=True),
    _text("freshness"),
    _text("layers", "[]"),
    Column("drifted", Integer, nullable=False, server_default=text("0")),
    _number("spool_records"),
    _number("dropped"),
    _number("gaps"),  # how many rows of `gaps` are about missing, edited or repeated records
    _text("figures", "{}"),
    _text("inventory_hash"),
    Index("ix_hosts_name", "name", "host_id"),
    Index("ix_hosts_machine_id", "machine_id"),
    Index("ix_hosts_token_id", "token_id", unique=True),
)

events = Table(
    "events",
    metadata,
    Column("host_id", _uuid(), primary_key=True),
    Column("event_id", _uuid(), primary_key=True),
    _at("at"),
    _at("received_at"),
    _text("epoch"),
    _number("sequence"),
    _text("hash"),
    _text("kind"),  # violation, alarm, notice, drops
    _text("severity"),
    _text("event"),
    _text("verdict"),
    _text("scope"),
    _text("handling"),  # killed, reported, or empty
    _text("image"),
    _text("reference"),
    _text("container"),
    _number("occurrences"),
    _text("data"),  # the record's JSON as it came
    Index("ix_events_event_id", "event_id"),
    postgresql_partition_by="RANGE (event_id)",
)

rollups = Table(
    "rollups",
    metadata,
    _at("hour"),
    Column("host_id", _uuid(), nullable=False),
    _text("image"),
    _text("verdict"),
    _text("scope"),
    _text("handling"),
    _number("occurrences"),
    _at("first_at"),
    _at("last_at"),
    _text("reference"),
    _text("next_step"),
    Index("pk_rollups", "hour", "host_id", "image", "verdict", "scope", "handling", unique=True),
    Index("ix_rollups_image", "image", "hour"),
    Index("ix_rollups_host_id", "host_id", "hour"),
)

chains = Table(
    "chains",
    metadata,
    Column("host_id", _uuid(), primary_key=True),
    Column("epoch", String(36), primary_key=True),
    _number("through"),  # the highest sequence that arrived
    _text("hash"),
    _at("started_at"),
)

gaps = Table(
    "gaps",
    metadata,
    Column("gap_id", _uuid(), primary_key=True),
    Column("host_id", _uuid(), nullable=False),
    Column("epoch", String(36), nullable=False),
    _text("kind"),  # missing, edited, repeated, restarted
    _number("first"),
    _number("last"),
    _text("before_hash"),  # of the record before a missing range, empty if unknown
    _text("after_prevhash"),  # what the record after it names as its last one's hash
    _at("noticed_at"),
    _text("detail"),
    Index("ix_gaps_host_id", "host_id", "epoch", "first"),
)

inventory = Table(
    "inventory",
    metadata,
    Column("host_id", _uuid(), primary_key=True),
    Column("item", String(150), primary_key=True),  # container:<id> or image:<digest>
    _text("image"),
    _text("manifest"),
    _text("reference"),
    _text("name"),
    _text("state"),  # a container's; empty for an image
    _text("verdict"),
    _text("platform"),
    Index("ix_inventory_image", "image"),
    Index("ix_inventory_manifest", "manifest"),
)

secrets = Table(
    "secrets",
    metadata,
    Column("secret_id", _uuid(), primary_key=True),
    _text("secret_hash"),
    _text("note"),
    _at("created_at"),
    _text("created_by"),
    _at("expires_at"),
    _number("used"),
    Column("most_uses", Integer),
    _at("revoked_at", null=True),
)

accounts = Table(
    "accounts",
    metadata,
    Column("name", Text, primary_key=True),
    _text("password_hash"),
    _text("role"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("key", String(64), primary_key=True),
    _text("who"),
    _text("role"),
    _text("csrf"),
    _at("opened_at"),
    _at("expires_at"),
    Index("ix_sessions_expires_at", "expires_at"),
)

audit = Table(
    "audit",
    metadata,
    Column("audit_id", _uuid(), primary_key=True),
    _at("at"),
    _text("who"),
    _text("action"),
    _text("subject"),
    _text("detail"),
    _text("address"),
    Index("ix_audit_address", "address", "at"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", _uuid(), primary_key=True),
    _at("at"),
    Column("host_id", _uuid(), nullable=False),
    _text("name"),
    _text("status"),
    _text("was"),
    _text("reasons", "[]"),
    _number("tries"),
    _at("next_try_at"),  # also the lease of the replica that is sending it
    _at("sent_at", null=True),
    Index("ix_alerts_sent_at", "sent_at", "next_try_at"),
)

settings = Table(
    "settings",
    metadata,
    Column("name", String(64), primary_key=True),
    _text("value"),
)
