package ads

import (
	"context"
	"iter"

	"argo/tables"
	"argo/tables/fault"
)

// scan gives rows as the columns that are asked for; list gives them as those
// of the table, of which it may leave out what where rules out.
func scan(columns []tables.Column, list func(ctx context.Context, s tables.Scan) ([]tables.Row, error)) func(context.Context, tables.Scan) iter.Seq2[tables.Row, error] {
	return func(ctx context.Context, s tables.Scan) iter.Seq2[tables.Row, error] {
		return func(yield func(tables.Row, error) bool) {
			at := make([]int, len(s.Columns))
			for i, name := range s.Columns {
				at[i] = -1
				for j, c := range columns {
					if c.Name == name {
						at[i] = j
					}
				}
				if at[i] < 0 {
					yield(nil, fault.New(fault.Internal, "the table %s has no column %s", s.Table, name))
					return
				}
			}
			rows, err := list(ctx, s)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, r := range rows {
				out := make(tables.Row, len(at))
				for i, j := range at {
					out[i] = r[j]
				}
				if !yield(out, nil) {
					return
				}
			}
		}
	}
}

func word(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func textOf(v any) string {
	s, _ := v.(string)
	return s
}
