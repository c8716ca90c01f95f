-- Times are microseconds since 1970 in UTC, 0 where there is none.

-- The cache: what its segments hold. Their bytes are in the store.
CREATE TABLE segments (
  id         TEXT PRIMARY KEY,
  source     TEXT NOT NULL,
  tbl        TEXT NOT NULL,
  account    TEXT NOT NULL,
  day_from   TEXT NOT NULL,
  day_to     TEXT NOT NULL,
  columns    TEXT NOT NULL, -- JSON array, sorted
  fetched_at INTEGER NOT NULL,
  rows       INTEGER NOT NULL,
  bytes      INTEGER NOT NULL,
  used_at    INTEGER NOT NULL,
  epoch      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX segments_of ON segments (source, tbl, account);

-- How often a table and account was forgotten; no row is 0.
CREATE TABLE epochs (
  source  TEXT NOT NULL,
  tbl     TEXT NOT NULL,
  account TEXT NOT NULL,
  n       INTEGER NOT NULL,
  PRIMARY KEY (source, tbl, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
  source TEXT PRIMARY KEY,
  list   TEXT NOT NULL, -- JSON
  at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The ledger.
CREATE TABLE runs (
  id         TEXT PRIMARY KEY,
  source     TEXT NOT NULL,
  action     TEXT NOT NULL,
  args       TEXT NOT NULL,
  actor      TEXT NOT NULL,
  reason     TEXT NOT NULL,
  key        TEXT NOT NULL,
  state      TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  ended_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX runs_key ON runs (key) WHERE key <> '';
CREATE INDEX runs_newest ON runs (created_at, id);
CREATE INDEX runs_open ON runs (created_at, id) WHERE ended_at = 0;

CREATE TABLE changes (
  run       TEXT NOT NULL REFERENCES runs (id),
  n         INTEGER NOT NULL, -- order within the run
  id        TEXT NOT NULL,
  source    TEXT NOT NULL,
  account   TEXT NOT NULL,
  target    TEXT NOT NULL,
  entity    TEXT NOT NULL,
  field     TEXT NOT NULL,
  before    TEXT NOT NULL,
  after     TEXT NOT NULL,
  unit      TEXT NOT NULL,
  remark    TEXT NOT NULL, -- what the plan says about it
  state     TEXT NOT NULL,
  attempts  INTEGER NOT NULL,
  read_back TEXT NOT NULL,
  note      TEXT NOT NULL,
  fence     INTEGER NOT NULL,
  at        INTEGER NOT NULL,
  PRIMARY KEY (run, n),
  UNIQUE (run, id)
) STRICT, WITHOUT ROWID;
-- One change in flight for each field of each object.
CREATE UNIQUE INDEX changes_in_flight ON changes (source, account, target, field)
  WHERE state IN ('executing', 'unknown', 'succeeded');

-- The events: append only, each with the hash of the one before it.
CREATE TABLE events (
  seq        INTEGER PRIMARY KEY,
  run        TEXT NOT NULL REFERENCES runs (id),
  change     TEXT NOT NULL, -- '' for the run itself
  from_state TEXT NOT NULL,
  to_state   TEXT NOT NULL,
  at         INTEGER NOT NULL,
  actor      TEXT NOT NULL,
  note       TEXT NOT NULL,
  digest     TEXT NOT NULL,
  prev_hash  TEXT NOT NULL,
  hash       TEXT NOT NULL
) STRICT;
CREATE INDEX events_of ON events (run, seq);
CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append only'); END;
CREATE TRIGGER events_remain BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are append only'); END;

CREATE TABLE leases (
  key   TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The newest statements.
CREATE TABLE statements (
  n            INTEGER PRIMARY KEY AUTOINCREMENT,
  id           TEXT NOT NULL,
  at           INTEGER NOT NULL,
  user         TEXT NOT NULL,
  client       TEXT NOT NULL,
  db           TEXT NOT NULL,
  text         TEXT NOT NULL,
  millis       INTEGER NOT NULL,
  rows         INTEGER NOT NULL,
  calls        INTEGER NOT NULL,
  rows_fetched INTEGER NOT NULL,
  bytes        INTEGER NOT NULL,
  cells_cached INTEGER NOT NULL,
  cells_missed INTEGER NOT NULL,
  oldest       INTEGER NOT NULL,
  error        TEXT NOT NULL
) STRICT;
