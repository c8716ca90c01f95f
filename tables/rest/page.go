package rest

import (
	"context"
	"iter"

	"argo/tables/fault"
)

// Pages asks fetch for one page after another, beginning with token "", until
// it gives no further token, and yields the items in order. A token that comes
// twice would go on for ever and is a Broken fault.
func Pages[T any](ctx context.Context, fetch func(ctx context.Context, token string) (items []T, next string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		seen := map[string]bool{"": true}
		for token := ""; ; {
			items, next, err := fetch(ctx, token)
			if err != nil {
				yield(zero, err)
				return
			}
			for _, i := range items {
				if !yield(i, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			if seen[next] {
				yield(zero, fault.New(fault.Broken, "the source gives the same page token twice"))
				return
			}
			seen[next], token = true, next
		}
	}
}
