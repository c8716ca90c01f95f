-- Segments have a history, parts and control totals: as JSON, since nothing is
-- looked up by them.
ALTER TABLE segments ADD COLUMN known_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE segments ADD COLUMN retired_at INTEGER NOT NULL DEFAULT 0; -- 0: live
ALTER TABLE segments ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;
ALTER TABLE segments ADD COLUMN place TEXT NOT NULL DEFAULT '';
ALTER TABLE segments ADD COLUMN uses INTEGER NOT NULL DEFAULT 0;
ALTER TABLE segments ADD COLUMN parts TEXT NOT NULL DEFAULT '';
ALTER TABLE segments ADD COLUMN checks TEXT NOT NULL DEFAULT '';
UPDATE segments SET known_at = fetched_at;
DROP INDEX segments_of;
CREATE INDEX segments_live ON segments (source, tbl, account) WHERE retired_at = 0;
CREATE INDEX segments_of ON segments (source, tbl, account, retired_at);

-- Cells that some process is fetching.
CREATE TABLE claims (
  id       TEXT PRIMARY KEY,
  source   TEXT NOT NULL,
  tbl      TEXT NOT NULL,
  account  TEXT NOT NULL,
  day_from TEXT NOT NULL,
  day_to   TEXT NOT NULL,
  columns  TEXT NOT NULL, -- JSON array, sorted
  owner    TEXT NOT NULL,
  until    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX claims_of ON claims (source, tbl, account);

CREATE TABLE jobs (
  id         TEXT PRIMARY KEY,
  kind       TEXT NOT NULL,
  source     TEXT NOT NULL,
  tbl        TEXT NOT NULL,
  account    TEXT NOT NULL,
  day_from   TEXT NOT NULL,
  day_to     TEXT NOT NULL,
  options    TEXT NOT NULL,
  state      TEXT NOT NULL,
  cells      INTEGER NOT NULL,
  done       INTEGER NOT NULL,
  calls      INTEGER NOT NULL,
  rows       INTEGER NOT NULL,
  error      TEXT NOT NULL,
  actor      TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  ended_at   INTEGER NOT NULL,
  owner      TEXT NOT NULL,
  until      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_open ON jobs (id) WHERE ended_at = 0;

-- Budgets of calls, by key; what a state means is the budget's.
CREATE TABLE quotas (
  key   TEXT PRIMARY KEY,
  state BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The newest calls to sources.
CREATE TABLE calls (
  n          INTEGER PRIMARY KEY AUTOINCREMENT,
  at         INTEGER NOT NULL,
  connection TEXT NOT NULL,
  tbl        TEXT NOT NULL,
  account    TEXT NOT NULL,
  day_from   TEXT NOT NULL,
  day_to     TEXT NOT NULL,
  purpose    TEXT NOT NULL,
  method     TEXT NOT NULL,
  endpoint   TEXT NOT NULL,
  scopes     TEXT NOT NULL, -- one key a line
  units      INTEGER NOT NULL,
  attempt    INTEGER NOT NULL,
  status     INTEGER NOT NULL,
  outcome    TEXT NOT NULL,
  message    TEXT NOT NULL,
  rows       INTEGER NOT NULL,
  bytes      INTEGER NOT NULL,
  micros     INTEGER NOT NULL,
  statement  TEXT NOT NULL
) STRICT;
CREATE INDEX calls_at ON calls (at);

-- How often the segments of a table and account were changed, whoever did it:
-- who has read them once sees by one number that they are still the same.
CREATE TABLE versions (
  source  TEXT NOT NULL,
  tbl     TEXT NOT NULL,
  account TEXT NOT NULL,
  n       INTEGER NOT NULL,
  PRIMARY KEY (source, tbl, account)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER segments_added AFTER INSERT ON segments BEGIN
  INSERT INTO versions VALUES (NEW.source, NEW.tbl, NEW.account, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER segments_changed AFTER UPDATE OF retired_at, gone ON segments BEGIN
  INSERT INTO versions VALUES (NEW.source, NEW.tbl, NEW.account, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER segments_dropped AFTER DELETE ON segments BEGIN
  INSERT INTO versions VALUES (OLD.source, OLD.tbl, OLD.account, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;

-- What was asked for of late, for warming; what a row means is the worker's.
CREATE TABLE habits (
  key   TEXT PRIMARY KEY,
  at    INTEGER NOT NULL, -- of the last ask
  habit BLOB NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE statements ADD COLUMN as_of INTEGER NOT NULL DEFAULT 0;
