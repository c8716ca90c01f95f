package algebra

// String is the plan as indented text: stable, for goldens and EXPLAIN.
func String(st *Statement) string { return "" }
