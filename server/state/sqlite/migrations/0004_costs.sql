-- What the fetches of a table were measured to cost: a blob of the cache's own.
CREATE TABLE costs (
  source TEXT NOT NULL,
  tbl    TEXT NOT NULL,
  costs  BLOB NOT NULL,
  PRIMARY KEY (source, tbl)
) STRICT, WITHOUT ROWID;
