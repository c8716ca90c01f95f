package market

// Faults is the plan of what goes wrong.
type Faults struct{}
