-- Runs that wait, and runs that take another one back.
ALTER TABLE runs ADD COLUMN undo_of TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN not_before INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN expires INTEGER NOT NULL DEFAULT 0;
CREATE INDEX changes_newest ON changes (source, at);

-- The chain has events that belong to no run: what people set.
DROP TRIGGER events_stay;
DROP TRIGGER events_remain;
ALTER TABLE events RENAME TO events_of_runs;
DROP INDEX events_of;
CREATE TABLE events (
  seq        INTEGER PRIMARY KEY,
  run        TEXT NOT NULL, -- '' for what belongs to none
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
INSERT INTO events SELECT seq, run, change, from_state, to_state, at, actor, note, digest, prev_hash, hash FROM events_of_runs;
DROP TABLE events_of_runs;
CREATE INDEX events_of ON events (run, seq);
CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append only'); END;
CREATE TRIGGER events_remain BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are append only'); END;

-- Every version of every guardrail; one that is in force is neither dropped nor
-- followed by another.
CREATE TABLE policies (
  id         TEXT NOT NULL,
  version    INTEGER NOT NULL,
  kind       TEXT NOT NULL,
  scope_kind TEXT NOT NULL,
  scope      TEXT NOT NULL,
  params     TEXT NOT NULL,
  set_by     TEXT NOT NULL,
  set_at     INTEGER NOT NULL,
  dropped_at INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (id, version)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX policies_in_force ON policies (id) WHERE dropped_at = 0;

CREATE TABLE verdicts (
  n         INTEGER PRIMARY KEY AUTOINCREMENT,
  run       TEXT NOT NULL,
  change    TEXT NOT NULL,
  stage     TEXT NOT NULL, -- plan, send
  guardrail TEXT NOT NULL,
  kind      TEXT NOT NULL,
  decision  TEXT NOT NULL,
  sentence  TEXT NOT NULL,
  after     TEXT NOT NULL,
  until     INTEGER NOT NULL,
  quorum    INTEGER NOT NULL,
  expires   INTEGER NOT NULL, -- nanoseconds
  at        INTEGER NOT NULL
) STRICT;
CREATE INDEX verdicts_of ON verdicts (run, n);

CREATE TABLE approvals (
  run      TEXT PRIMARY KEY,
  quorum   INTEGER NOT NULL,
  expires  INTEGER NOT NULL,
  asked_by TEXT NOT NULL,
  asked_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE votes (
  run     TEXT NOT NULL REFERENCES approvals (run),
  voter   TEXT NOT NULL,
  yes     INTEGER NOT NULL,
  comment TEXT NOT NULL,
  at      INTEGER NOT NULL,
  PRIMARY KEY (run, voter)
) STRICT, WITHOUT ROWID;
