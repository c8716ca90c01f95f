package sqlite

// Keep makes the log keep n statements.
func Keep(l *StatementLog, n int64) { l.keep = n }
