package system

import (
	"context"

	"argo/tables"
	"argo/tables/rest"
)

func (o Options) quotas() tables.Table {
	type T struct {
		rest.Budget
		databases []string
	}
	reserved := func(name string, p tables.Purpose, doc string) column[T] {
		return column[T]{name, tables.BigInt, doc, func(b T) any {
			if b.Limit == 0 {
				return nil
			}
			return int64(b.Reserved[p])
		}}
	}
	units := func(of func(b T) int) func(T) any {
		return func(b T) any {
			if b.Limit == 0 {
				return nil
			}
			return int64(of(b))
		}
	}
	return sheet("quotas", "Budgets of calls as they stand now, from the widest (token, app) to the narrowest (account, endpoint)", []string{"scope"},
		each(func(ctx context.Context) (out []T, err error) {
			if o.Quotas == nil {
				return nil, nil
			}
			list, err := o.Quotas(ctx)
			_, all := o.User(ctx)
			for _, b := range list {
				t := T{Budget: b}
				if o.Spenders != nil {
					for _, c := range o.Spenders(b.Scope) {
						if o.MayRead(ctx, c) {
							t.databases = append(t.databases, c)
						}
					}
				}
				if all || len(t.databases) > 0 {
					out = append(out, t)
				}
			}
			return out, err
		}),
		column[T]{"scope", tables.Type{Kind: tables.ID, Length: 255}, "What the budget is of, as a path; argo.fetches names those that a call was taken from", func(b T) any { return b.Scope }},
		column[T]{"parent_scope", tables.Type{Kind: tables.ID, Length: 255}, "The next wider one; NULL: there is none", func(b T) any { return words(b.Parent) }},
		column[T]{"database_names", tables.LongText, "Connections that take from it, separated by commas; NULL: none since the start", func(b T) any { return words(join(b.databases)) }},
		column[T]{"law", tables.Varchar, "How many units there are and how they come back", func(b T) any { return b.Law }},
		column[T]{"quota_limit", tables.BigInt, "Units of a window, or at once; NULL: they are only counted", units(func(b T) int { return b.Limit })},
		column[T]{"window_seconds", tables.BigInt, "Length of the window; NULL: there is none", func(b T) any {
			if b.Window == 0 {
				return nil
			}
			return int64(b.Window.Seconds())
		}},
		column[T]{"used", tables.BigInt, "Units that are used, those of calls under way included", func(b T) any { return int64(b.Used) }},
		column[T]{"available", tables.BigInt, "Units that are left, what is kept for a purpose included", units(func(b T) int { return b.Available })},
		reserved("kept_for_actions", tables.Acting, "Of them kept for changes"),
		reserved("kept_for_people", tables.Asking, "Of them kept for changes and statements that somebody waits for"),
		reserved("kept_for_refresh", tables.Refreshing, "Of them kept from history that is loaded in the background"),
		column[T]{"parked_until", tables.Timestamp, "No call is made before (UTC); NULL: it is not parked", func(b T) any { return moment(b.ParkedUntil) }},
		column[T]{"reason", tables.LongText, "Why it is parked: what the source said", func(b T) any { return words(b.Reason) }},
	)
}
