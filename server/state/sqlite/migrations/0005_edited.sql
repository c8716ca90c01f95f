-- Rows of the small tables that people change by SQL: documents by table and key.
CREATE TABLE edited (
  tbl TEXT NOT NULL,
  key TEXT NOT NULL,
  row BLOB NOT NULL,
  PRIMARY KEY (tbl, key)
) STRICT, WITHOUT ROWID;
