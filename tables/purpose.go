package tables

import "context"

// Purpose is what a call to a source is for. Quotas keep a share for each, so
// that history that is loaded in the background never keeps a person or an
// action waiting.
type Purpose string

// The purposes, from the most to the least urgent.
const (
	Acting      Purpose = "action"   // a change, and the reads that judge and verify it
	Asking      Purpose = "people"   // a statement that somebody waits for
	Refreshing  Purpose = "refresh"  // what is renewed before it is asked for
	Backfilling Purpose = "backfill" // history
)

// Purposes in the order of their urgency.
var Purposes = []Purpose{Acting, Asking, Refreshing, Backfilling}

type purposeKey struct{}

// WithPurpose gives a context whose calls are for p.
func WithPurpose(ctx context.Context, p Purpose) context.Context {
	return context.WithValue(ctx, purposeKey{}, p)
}

// PurposeOf gives the context's purpose; Asking where none was set.
func PurposeOf(ctx context.Context) Purpose {
	if p, ok := ctx.Value(purposeKey{}).(Purpose); ok {
		return p
	}
	return Asking
}
