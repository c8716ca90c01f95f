package rest

// Units says what one request with these limits takes from which budget, for
// tables.Table.Units.
func Units(limits []Limit) map[string]int {
	out := make(map[string]int, len(limits))
	for _, l := range limits {
		out[l.Key] += max(1, l.Units)
	}
	return out
}
