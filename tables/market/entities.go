package market

import (
	"slices"
	"time"

	"argo/tables"
)

// Kind of an entity that actions change.
type Kind string

// The kinds.
const (
	KindCampaign Kind = "campaign"
	KindBudget   Kind = "budget"
	KindAdGroup  Kind = "ad_group"
	KindAd       Kind = "ad"
	KindKeyword  Kind = "keyword"
)

// Status of an entity.
type Status string

// The states. Removed is final; what is removed keeps its past facts.
const (
	Enabled  Status = "enabled"
	Paused   Status = "paused"
	Deleted  Status = "removed"
	Canceled Status = "canceled" // accounts only
)

// Form is the kind of advertising a campaign does; it decides networks, prices
// and rates.
type Form string

// The forms.
const (
	Search  Form = "search"  // keywords and search terms
	Display Form = "display" // banners
	Video   Form = "video"
	Demand  Form = "demand" // feeds and discovery
	AppAds  Form = "app"    // app installs over all networks
)

// Device an impression was shown on.
type Device uint8

// The devices.
const (
	Mobile Device = iota
	Desktop
	Tablet
	Television
)

// Network an impression was shown in.
type Network uint8

// The networks.
const (
	SearchNetwork Network = iota
	SearchPartners
	Content
	VideoNetwork
	Feed
)

// Manager is an account that holds accounts and managers.
type Manager struct {
	ID, Parent     int64 // Parent is 0 for the root
	Name           string
	Currency, Zone string
}

// Account of an advertiser: one currency and one calendar.
type Account struct {
	ID, Manager    int64
	Channel        string // "" for the first one
	Name           string
	Advertiser     string
	Currency, Zone string // ISO 4217, IANA
	Country        string // ISO 3166 of its audience
	Status         Status // Enabled or Canceled
	App            string // the advertiser's app
}

// Location is the account's calendar.
func (a Account) Location() *time.Location { return zone(a.Zone) }

// Unit is the smallest amount of the account's currency in micros: 10,000 for
// a cent, 1,000,000 for a won or a yen.
func (a Account) Unit() int64 { return unitOf(a.Currency) }

// Campaign and the other entities are values as of a moment; amounts of money
// are in micros of the account's currency.
type Campaign struct {
	ID, Account int64
	Name        string
	Status      Status
	Form        Form
	Budget      int64
	Bidding     string  // "manual_cpc", "maximize_conversions", "target_spend"
	TargetCPA   int64   // 0: none
	TargetROAS  float64 // 0: none
	Begin, End  tables.Day
}

// Budget for a day. A shared one is spent by several campaigns together.
type Budget struct {
	ID, Account int64
	Name        string
	Status      Status
	Amount      int64
	Shared      bool
}

// AdGroup of a campaign.
type AdGroup struct {
	ID, Account, Campaign int64
	Name                  string
	Status                Status
	Bid                   int64 // highest price of a click; 0: none
}

// Ad of an ad group.
type Ad struct {
	ID, Account, AdGroup    int64
	Name                    string
	Status                  Status
	Headlines, Descriptions []string
	URL                     string
}

// Keyword of an ad group of a search campaign.
type Keyword struct {
	ID, Account, AdGroup int64
	Text                 string
	Match                string // "exact", "phrase", "broad"
	Status               Status
	Bid                  int64 // 0: the ad group's
	Negative             bool
	Quality              int // 1 to 10
}

// Term is what people typed.
type Term struct {
	Text  string // "" stands for all that are too rare to be shown
	Match string // how it matched: "exact", "phrase", "broad"
	Added bool   // it is a keyword of the ad group itself
}

// App that a tracker measures.
type App struct {
	ID, Name, Advertiser string
	Currency, Zone       string
	Platform             string   // "android", "ios"
	Events               []string // in-app events it sends
}

// Location is the app's calendar.
func (a App) Location() *time.Location { return zone(a.Zone) }

// Managers lists the tree of managers, parents first.
func (m *Market) Managers() []Manager { return managers() }

// Accounts lists the advertisers' accounts, by id.
func (m *Market) Accounts() []Account {
	all := m.state.Load().accounts
	if m.whole {
		return slices.Clone(all)
	}
	var out []Account
	for _, a := range all {
		if a.Channel == m.channel {
			out = append(out, a)
		}
	}
	return out
}

// Apps lists the advertisers' apps.
func (m *Market) Apps() []App { return apps() }

// Account gives one account.
func (m *Market) Account(id int64) (Account, bool) {
	a, ok := m.state.Load().account(id)
	return a, ok && (m.whole || a.Channel == m.channel)
}

// Campaigns of an account by id, removed ones too. So are all lists below.
func (m *Market) Campaigns(account int64) []Campaign {
	return present(m.state.Load().campaigns, account)
}

// Budgets of an account.
func (m *Market) Budgets(account int64) []Budget { return present(m.state.Load().budgets, account) }

// AdGroups of an account.
func (m *Market) AdGroups(account int64) []AdGroup { return present(m.state.Load().groups, account) }

// Ads of an account.
func (m *Market) Ads(account int64) []Ad { return present(m.state.Load().ads, account) }

// Keywords of an account, negative ones too.
func (m *Market) Keywords(account int64) []Keyword { return present(m.state.Load().keywords, account) }

// zone loads a time zone once; an unknown one is UTC.
func zone(name string) *time.Location {
	if l, ok := zones.Load(name); ok {
		return l.(*time.Location)
	}
	l, err := time.LoadLocation(name)
	if err != nil {
		l = time.UTC
	}
	zones.Store(name, l)
	return l
}

func unitOf(currency string) int64 {
	switch currency {
	case "KRW", "JPY":
		return 1_000_000
	}
	return 10_000
}

// rate is how much of the currency one US dollar is, fixed for ever.
func rate(currency string) float64 {
	switch currency {
	case "KRW":
		return 1380
	case "JPY":
		return 150
	}
	return 1
}
