package ads

import (
	"context"
	"slices"
	"strings"

	"argo/server/engine"
	"argo/tables"
	"argo/tables/fault"

	"golang.org/x/sync/errgroup"
)

// accounts is the table of all accounts: from the lists that the connections
// give, which are good for hours, and the mapping.
func (m *model) accounts() tables.Table {
	t := tables.Table{
		Name: "accounts", Doc: "Accounts of every connection, with advertiser and brand by ads.account_mapping. A connection whose accounts cannot be listed gives a warning",
		Key: []string{"connection", "account_id"},
		Columns: []tables.Column{
			{Name: "channel", Type: tables.Ident, NotNull: true, Doc: "Source of the connection"},
			{Name: "connection", Type: tables.Ident, NotNull: true, Push: true, Doc: "Connection: the database of its own tables"},
			{Name: "account_id", Type: tables.Ident, NotNull: true, Doc: "Account, app or property at the source"},
			{Name: "account_name", Type: tables.Varchar, Doc: "Name of the account"},
			{Name: "currency", Type: tables.Ident, Doc: "Currency of its amounts, ISO 4217; NULL where the source has none"},
			{Name: "time_zone", Type: tables.Ident, Doc: "Time zone of its calendar"},
			{Name: "advertiser", Type: tables.Varchar, Doc: "Advertiser, from ads.account_mapping"},
			{Name: "brand", Type: tables.Varchar, Doc: "Brand, from ads.account_mapping"},
		},
	}
	t.Scan = scan(t.Columns, m.listAccounts)
	return t
}

func (m *model) listAccounts(ctx context.Context, s tables.Scan) ([]tables.Row, error) {
	wanted, some := texts(s.Where, "connection")
	var lists [][]tables.Row
	group, ctx := errgroup.WithContext(ctx)
	mapped, err := m.mapping(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range m.visible(ctx) {
		list := lister(d)
		if list == nil || some && !slices.Contains(wanted, d.Name) {
			continue
		}
		at := len(lists)
		lists = append(lists, nil)
		group.Go(func() error {
			accounts, err := list(ctx)
			if err != nil {
				if s.Strict || ctx.Err() != nil || fault.As(err) == nil {
					return err
				}
				tables.TraceOf(ctx).Warn(err)
				return nil
			}
			rows := make([]tables.Row, 0, len(accounts))
			for _, a := range accounts {
				who := mapped[[2]string{d.Name, a.ID}]
				rows = append(rows, tables.Row{d.Source, d.Name, a.ID, word(a.Name), word(strings.ToUpper(a.Currency)), word(a.Zone), who[0], who[1]})
			}
			lists[at] = rows
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(lists...), nil
}

// lister gives what lists the accounts of a connection, nil where it has none.
func lister(d engine.Database) func(context.Context) ([]tables.Account, error) {
	for _, t := range d.Tables {
		if t.Account != "" && t.Accounts != nil {
			return t.Accounts
		}
	}
	return nil
}

// remembered are the accounts of a connection as they are known without a call.
func remembered(ctx context.Context, d engine.Database) ([]tables.Account, error) {
	for _, t := range d.Tables {
		if t.Account == "" {
			continue
		}
		if t.Roster != nil {
			list, _, err := t.Roster(ctx)
			return list, err
		}
	}
	return nil, nil
}

// mapping is advertiser and brand by connection and account.
func (m *model) mapping(ctx context.Context) (map[[2]string][2]any, error) {
	rows, err := m.kept[accountMapping].rows(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[[2]string][2]any, len(rows))
	for _, r := range rows {
		out[[2]string{textOf(r[0]), textOf(r[1])}] = [2]any{r[2], r[3]}
	}
	return out, nil
}
