CREATE TABLE accounts (
  name TEXT NOT NULL,
  password_hash TEXT DEFAULT '' NOT NULL,
  role TEXT DEFAULT '' NOT NULL,
  CONSTRAINT pk_accounts PRIMARY KEY (name)
);

CREATE TABLE alerts (
  alert_id VARCHAR(36) NOT NULL,
  at BIGINT NOT NULL,
  host_id VARCHAR(36) NOT NULL,
  name TEXT DEFAULT '' NOT NULL,
  status TEXT DEFAULT '' NOT NULL,
  was TEXT DEFAULT '' NOT NULL,
  reasons TEXT DEFAULT '[]' NOT NULL,
  tries BIGINT DEFAULT 0 NOT NULL,
  next_try_at BIGINT NOT NULL,
  sent_at BIGINT,
  CONSTRAINT pk_alerts PRIMARY KEY (alert_id)
);

CREATE INDEX ix_alerts_sent_at ON alerts (sent_at, next_try_at);

CREATE TABLE audit (
  audit_id VARCHAR(36) NOT NULL,
  at BIGINT NOT NULL,
  who TEXT DEFAULT '' NOT NULL,
  action TEXT DEFAULT '' NOT NULL,
  subject TEXT DEFAULT '' NOT NULL,
  detail TEXT DEFAULT '' NOT NULL,
  address TEXT DEFAULT '' NOT NULL,
  CONSTRAINT pk_audit PRIMARY KEY (audit_id)
);

CREATE INDEX ix_audit_address ON audit (address, at);

CREATE TABLE chains (
  host_id VARCHAR(36) NOT NULL,
  epoch VARCHAR(36) NOT NULL,
  through BIGINT DEFAULT 0 NOT NULL,
  hash TEXT DEFAULT '' NOT NULL,
  started_at BIGINT NOT NULL,
  CONSTRAINT pk_chains PRIMARY KEY (host_id, epoch)
);

CREATE TABLE events (
  host_id VARCHAR(36) NOT NULL,
  event_id VARCHAR(36) NOT NULL,
  at BIGINT NOT NULL,
  received_at BIGINT NOT NULL,
  epoch TEXT DEFAULT '' NOT NULL,
  sequence BIGINT DEFAULT 0 NOT NULL,
  hash TEXT DEFAULT '' NOT NULL,
  kind TEXT DEFAULT '' NOT NULL,
  severity TEXT DEFAULT '' NOT NULL,
  event TEXT DEFAULT '' NOT NULL,
  verdict TEXT DEFAULT '' NOT NULL,
  scope TEXT DEFAULT '' NOT NULL,
  handling TEXT DEFAULT '' NOT NULL,
  image TEXT DEFAULT '' NOT NULL,
  reference TEXT DEFAULT '' NOT NULL,
  container TEXT DEFAULT '' NOT NULL,
  occurrences BIGINT DEFAULT 0 NOT NULL,
  data TEXT DEFAULT '' NOT NULL,
  CONSTRAINT pk_events PRIMARY KEY (host_id, event_id)
);

CREATE INDEX ix_events_event_id ON events (event_id);

CREATE TABLE gaps (
  gap_id VARCHAR(36) NOT NULL,
  host_id VARCHAR(36) NOT NULL,
  epoch VARCHAR(36) NOT NULL,
  kind TEXT DEFAULT '' NOT NULL,
  first BIGINT DEFAULT 0 NOT NULL,
  last BIGINT DEFAULT 0 NOT NULL,
  before_hash TEXT DEFAULT '' NOT NULL,
  after_prevhash TEXT DEFAULT '' NOT NULL,
  noticed_at BIGINT NOT NULL,
  detail TEXT DEFAULT '' NOT NULL,
  CONSTRAINT pk_gaps PRIMARY KEY (gap_id)
);

CREATE INDEX ix_gaps_host_id ON gaps (host_id, epoch, first);

CREATE TABLE hosts (
  host_id VARCHAR(36) NOT NULL,
  name TEXT DEFAULT '' NOT NULL,
  machine_id TEXT DEFAULT '' NOT NULL,
  boot_id TEXT DEFAULT '' NOT NULL,
  enrolled_at BIGINT NOT NULL,
  token_id TEXT DEFAULT '' NOT NULL,
  token_hash TEXT DEFAULT '' NOT NULL,
  token_revoked_at BIGINT,
  last_seen_at BIGINT,
  heartbeat_at BIGINT,
  interval_s INTEGER DEFAULT 300 NOT NULL,
  status TEXT DEFAULT 'offline' NOT NULL,
  status_at BIGINT,
  scope TEXT DEFAULT '' NOT NULL,
  mode TEXT DEFAULT '' NOT NULL,
  reasons TEXT DEFAULT '[]' NOT NULL,
  agent_version TEXT DEFAULT '' NOT NULL,
  engine_version TEXT DEFAULT '' NOT NULL,
  system TEXT DEFAULT '' NOT NULL,
  list_sequence BIGINT,
  list_expires_at BIGINT,
  freshness TEXT DEFAULT '' NOT NULL,
  layers TEXT DEFAULT '[]' NOT NULL,
  drifted INTEGER DEFAULT 0 NOT NULL,
  spool_records BIGINT DEFAULT 0 NOT NULL,
  dropped BIGINT DEFAULT 0 NOT NULL,
  gaps BIGINT DEFAULT 0 NOT NULL,
  figures TEXT DEFAULT '{}' NOT NULL,
  inventory_hash TEXT DEFAULT '' NOT NULL,
  CONSTRAINT pk_hosts PRIMARY KEY (host_id)
);

CREATE INDEX ix_hosts_machine_id ON hosts (machine_id);

CREATE INDEX ix_hosts_name ON hosts (name, host_id);

CREATE UNIQUE INDEX ix_hosts_token_id ON hosts (token_id);

CREATE TABLE inventory (
  host_id VARCHAR(36) NOT NULL,
  item VARCHAR(150) NOT NULL,
  image TEXT DEFAULT '' NOT NULL,
  manifest TEXT DEFAULT '' NOT NULL,
  reference TEXT DEFAULT '' NOT NULL,
  name TEXT DEFAULT '' NOT NULL,
  state TEXT DEFAULT '' NOT NULL,
  verdict TEXT DEFAULT '' NOT NULL,
  platform TEXT DEFAULT '' NOT NULL,
  CONSTRAINT pk_inventory PRIMARY KEY (host_id, item)
);

CREATE INDEX ix_inventory_image ON inventory (image);

CREATE INDEX ix_inventory_manifest ON inventory (manifest);

CREATE TABLE rollups (
  hour BIGINT NOT NULL,
  host_id VARCHAR(36) NOT NULL,
  image TEXT DEFAULT '' NOT NULL,
  verdict TEXT DEFAULT '' NOT NULL,
  scope TEXT DEFAULT '' NOT NULL,
  handling TEXT DEFAULT '' NOT NULL,
  occurrences BIGINT DEFAULT 0 NOT NULL,
  first_at BIGINT NOT NULL,
  last_at BIGINT NOT NULL,
  reference TEXT DEFAULT '' NOT NULL,
  next_step TEXT DEFAULT '' NOT NULL
);

CREATE INDEX ix_rollups_host_id ON rollups (host_id, hour);

CREATE INDEX ix_rollups_image ON rollups (image, hour);

CREATE UNIQUE INDEX pk_rollups ON rollups (hour, host_id, image, verdict, scope, handling);

CREATE TABLE secrets (
  secret_id VARCHAR(36) NOT NULL,
  secret_hash TEXT DEFAULT '' NOT NULL,
  note TEXT DEFAULT '' NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT DEFAULT '' NOT NULL,
  expires_at BIGINT NOT NULL,
  used BIGINT DEFAULT 0 NOT NULL,
  most_uses INTEGER,
  revoked_at BIGINT,
  CONSTRAINT pk_secrets PRIMARY KEY (secret_id)
);

CREATE TABLE sessions (
  "key" VARCHAR(64) NOT NULL,
  who TEXT DEFAULT '' NOT NULL,
  role TEXT DEFAULT '' NOT NULL,
  csrf TEXT DEFAULT '' NOT NULL,
  opened_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  CONSTRAINT pk_sessions PRIMARY KEY ("key")
);

CREATE INDEX ix_sessions_expires_at ON sessions (expires_at);

CREATE TABLE settings (
  name VARCHAR(64) NOT NULL,
  value TEXT DEFAULT '' NOT NULL,
  CONSTRAINT pk_settings PRIMARY KEY (name)
);

