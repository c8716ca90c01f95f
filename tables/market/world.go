package market

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
	_ "time/tzdata" // the accounts' calendars must not depend on the machine

	"argo/tables"
)

// The agency. Its shape does not depend on the seed: ids and names are the same
// in every world, only what is delivered differs.
const (
	agency = 9000000001
	asia   = 9000000002 // a manager below the agency
)

func managers() []Manager {
	return []Manager{
		{agency, 0, "Agency", "USD", "America/New_York"},
		{asia, agency, "Agency | Asia", "KRW", "Asia/Seoul"},
	}
}

var accountList = []Account{
	{1000000101, asia, "", "Brand A | KR", "Brand A", "KRW", "Asia/Seoul", "KR", Enabled, "com.example.branda"},
	{1000000102, agency, "", "Brand A | US", "Brand A", "USD", "America/New_York", "US", Enabled, "com.example.branda"},
	{1000000201, asia, "", "Brand B | JP", "Brand B", "JPY", "Asia/Tokyo", "JP", Enabled, "id900000002"},
	{1000000202, asia, "", "Brand B | KR", "Brand B", "KRW", "Asia/Seoul", "KR", Enabled, "id900000002"},
	{1000000301, agency, "", "Brand C | US", "Brand C", "USD", "America/New_York", "US", Enabled, "com.example.brandc"},
	{1000000302, asia, "", "Brand C | JP", "Brand C", "JPY", "Asia/Tokyo", "JP", Enabled, "com.example.brandc"},
	{1000000303, agency, "", "Brand C | Closed", "Brand C", "USD", "America/New_York", "US", Canceled, "com.example.brandc"},
}

// accountsOf the first channel and those given. Account 1000020101 is the first
// of the second one.
func accountsOf(channels []Channel) []Account {
	out := slices.Clone(accountList)
	for i, c := range channels {
		for j := range c.Accounts {
			country := c.Countries[j%len(c.Countries)]
			app := appList[j/len(c.Countries)%len(appList)]
			a := Account{ID: firstAccount + int64(i+1)*10000 + 101 + int64(j), Manager: agency, Channel: c.Name, Country: country,
				Name: app.Advertiser + " | " + country, Advertiser: app.Advertiser, Status: Enabled, App: app.ID}
			if round := j/(len(c.Countries)*len(appList)) + 1; round > 1 {
				a.Name += fmt.Sprint(" ", round)
			}
			switch country {
			case "KR":
				a.Manager, a.Currency, a.Zone = asia, "KRW", "Asia/Seoul"
			case "JP":
				a.Manager, a.Currency, a.Zone = asia, "JPY", "Asia/Tokyo"
			default:
				a.Country, a.Currency, a.Zone = "US", "USD", "America/New_York"
			}
			out = append(out, a)
		}
	}
	return out
}

// firstAccount is what the accounts' ids are counted from.
const firstAccount = 1_000_000_000

// account finds one by its id; accounts are sorted by it.
func (s *state) account(id int64) (Account, bool) {
	i, ok := slices.BinarySearchFunc(s.accounts, id, func(a Account, id int64) int { return cmp.Compare(a.ID, id) })
	if !ok {
		return Account{}, false
	}
	return s.accounts[i], true
}

var appList = []App{
	{"com.example.branda", "Brand A", "Brand A", "KRW", "Asia/Seoul", "android", []string{"af_complete_registration", "af_add_to_cart", "af_purchase"}},
	{"id900000002", "Brand B", "Brand B", "JPY", "Asia/Tokyo", "ios", []string{"af_complete_registration", "af_level_achieved", "af_purchase"}},
	{"com.example.brandc", "Brand C", "Brand C", "USD", "America/New_York", "android", []string{"af_login", "af_purchase"}},
}

func apps() []App { return slices.Clone(appList) }

var zones sync.Map // name → *time.Location

// template of an account's campaigns.
var templates = []struct {
	form    Form
	theme   string
	bidding string
	budget  float64 // US dollars a day
	shared  bool    // spends the account's shared budget
	status  Status
}{
	{Search, "Brand", "maximize_conversions", 90, false, Enabled},
	{Search, "Autumn", "manual_cpc", 160, true, Enabled},
	{Search, "Generic", "manual_cpc", 160, true, Enabled},
	{Display, "Prospecting", "maximize_conversions", 70, false, Enabled},
	{Display, "Remarketing", "target_spend", 45, false, Enabled},
	{Video, "Launch", "target_spend", 80, false, Enabled},
	{Demand, "Always on", "maximize_conversions", 65, false, Enabled},
	{AppAds, "Installs", "maximize_conversions", 120, false, Enabled},
	{Search, "Summer", "manual_cpc", 60, false, Paused},
	{Display, "Test", "manual_cpc", 25, false, Deleted},
}

var formNames = map[Form]string{Search: "Search", Display: "Display", Video: "Video", Demand: "Demand", AppAds: "App"}

var words = map[string][]string{
	"KR": {"가을 재킷", "러닝화", "브랜드 공식몰", "니트 추천", "신상 코트", "할인 쿠폰", "운동화 세일", "겨울 패딩", "데일리룩"},
	"JP": {"秋 ジャケット", "ランニングシューズ", "公式 通販", "ニット おすすめ", "新作 コート", "クーポン", "スニーカー セール", "ダウン", "コーデ"},
	"US": {"autumn jacket", "running shoes", "official store", "knit sweater", "new coats", "discount code", "sneaker sale", "down parka", "outfit ideas"},
}

var tails = map[string][]string{
	"KR": {"가격", "후기", "추천", "매장", "배송"},
	"JP": {"価格", "口コミ", "おすすめ", "店舗", "送料無料"},
	"US": {"price", "reviews", "near me", "for men", "free shipping"},
}

var themes = []string{"Core", "Competitors", "Long tail"}

// nice rounds an amount of US dollars to a round figure of the currency, in micros.
func nice(dollars float64, currency string) int64 {
	step := 1.0
	switch currency {
	case "KRW":
		step = 1000
	case "JPY":
		step = 100
	}
	return int64(math.Max(1, math.Round(dollars*rate(currency)/step))) * int64(step) * 1_000_000
}

// price rounds an amount of US dollars to the currency's unit, in micros.
func price(dollars float64, currency string) int64 {
	u := unitOf(currency)
	return max(int64(dollars*rate(currency)*1e6)/u, 1) * u
}

func newState(h header) *state {
	s := &state{header: h, accounts: accountsOf(h.Channels), moments: map[int64][]int64{}, campaigns: newBook[Campaign](), budgets: newBook[Budget](),
		groups: newBook[AdGroup](), ads: newBook[Ad](), keywords: newBook[Keyword]()}
	for _, a := range s.accounts {
		s.populate(a)
	}
	return s
}

// populate makes the account's entities: campaign 101003 is the third of
// account …101, its ad groups are 10100301 and so on.
func (s *state) populate(a Account) {
	base := (a.ID - firstAccount) * 1000
	shared := Budget{base + 500, a.ID, a.Advertiser + " | Shared | " + a.Country, Enabled, nice(templates[1].budget, a.Currency), true}
	s.budgets.add(shared.ID, a.ID, 0, beforeAllTime, shared)
	for i, t := range templates {
		n := stream(s.Seed, base+int64(i)+1, "", ofEntity)
		c := Campaign{
			ID: base + int64(i) + 1, Account: a.ID, Status: Enabled, Form: t.form, Bidding: t.bidding, Begin: s.Start, Budget: shared.ID,
			Name: fmt.Sprintf("%s | %s | %s | %s", a.Advertiser, formNames[t.form], a.Country, t.theme),
		}
		if t.bidding == "maximize_conversions" {
			c.TargetCPA = nice(n.between(14, 40), a.Currency)
		}
		if !t.shared {
			b := Budget{base + 500 + int64(i) + 1, a.ID, c.Name, Enabled, nice(t.budget*n.between(0.7, 1.5), a.Currency), false}
			s.budgets.add(b.ID, a.ID, 0, beforeAllTime, b)
			c.Budget = b.ID
		}
		s.campaigns.add(c.ID, a.ID, c.Budget, beforeAllTime, c)
		for j := range groupsOf(t.form) {
			s.populateGroup(a, c, j, n)
		}
	}
}

func groupsOf(f Form) int {
	if f == Search {
		return 3
	}
	return 2
}

func (s *state) populateGroup(a Account, c Campaign, j int, n *noise) {
	g := AdGroup{ID: c.ID*100 + int64(j) + 1, Account: a.ID, Campaign: c.ID, Name: themes[j], Status: Enabled}
	if c.Bidding == "manual_cpc" {
		g.Bid = price(n.between(0.4, 1.6), a.Currency)
	}
	s.groups.add(g.ID, a.ID, c.ID, beforeAllTime, g)
	for k := range 2 + n.intn(2) {
		ad := Ad{
			ID: g.ID*100 + int64(k) + 1, Account: a.ID, AdGroup: g.ID, Status: Enabled,
			Name: fmt.Sprintf("%s %d", g.Name, k+1),
			URL:  "https://www.example.com/" + a.Country + fmt.Sprintf("/%d", c.ID),
		}
		for h := range 3 {
			ad.Headlines = append(ad.Headlines, fmt.Sprintf("%s headline %d", a.Advertiser, k*3+h+1))
		}
		ad.Descriptions = []string{a.Advertiser + " official store", "Free delivery today"}
		s.ads.add(ad.ID, a.ID, g.ID, beforeAllTime, ad)
	}
	if c.Form != Search {
		return
	}
	list := words[a.Country]
	for k := range 5 {
		w := Keyword{
			ID: g.ID*100 + 50 + int64(k), Account: a.ID, AdGroup: g.ID, Status: Enabled, Quality: 3 + n.intn(8),
			Text: list[(k+3*j+int(c.ID))%len(list)], Match: []string{"exact", "phrase", "broad"}[(k+j)%3],
		}
		if k == 4 {
			w.Text, w.Match, w.Negative, w.Quality = tails[a.Country][j], "broad", true, 0
		} else if g.Bid > 0 && k%2 == 0 {
			w.Bid = price(n.between(0.4, 1.8), a.Currency)
		}
		s.keywords.add(w.ID, a.ID, g.ID, beforeAllTime, w)
	}
}

// history puts the edits of people into the weeks before the origin: budgets
// moved, an ad paused for a day, the summer campaign stopped, a test removed.
func (s *state) history() {
	type edit struct {
		at time.Time
		c  Change
	}
	var edits []edit
	for _, a := range s.accounts {
		n := stream(s.Seed, a.ID, "", ofHistory)
		loc := a.Location()
		day := tables.DayOf(s.Origin.In(loc))
		add := func(daysAgo int, hour float64, kind Kind, id int64, op Op, set ...Set) {
			at := midnight(day.Add(-daysAgo), loc).Add(time.Duration(hour * float64(time.Hour))).UTC().Truncate(time.Second)
			if at.Before(s.Origin) {
				edits = append(edits, edit{at, Change{op, kind, a.ID, id, set}})
			}
		}
		base := (a.ID - firstAccount) * 1000
		for i, t := range templates {
			switch t.status {
			case Paused:
				add(30+n.intn(15), n.between(9, 19), KindCampaign, base+int64(i)+1, Update, Set{"status", string(Paused)})
			case Deleted:
				add(50+n.intn(10), n.between(9, 19), KindCampaign, base+int64(i)+1, Remove)
			}
		}
		for range 4 {
			id := base + 500 + []int64{0, 1, 4, 6}[n.intn(4)]
			b := s.budgets.byID[id].now()
			amount := nice(float64(b.Amount)/1e6/rate(a.Currency)*n.between(0.85, 1.2), a.Currency)
			add(2+n.intn(24), n.between(9, 19), KindBudget, id, Update, Set{"amount", fmt.Sprint(amount)})
		}
		ad := (base+1)*10000 + 101
		add(12, n.between(9, 19), KindAd, ad, Update, Set{"status", string(Paused)})
		add(11, n.between(9, 19), KindAd, ad, Update, Set{"status", string(Enabled)})
	}
	slices.SortStableFunc(edits, func(a, b edit) int { return a.at.Compare(b.at) })
	at := *s
	now := &at
	for _, e := range edits {
		if next, _, err := now.plan("ae@agency.example", "ui", e.at, []Change{e.c}); err == nil {
			now = next
		}
	}
	*s = *now
}

// midnight is the start of the day in the calendar of loc.
func midnight(d tables.Day, loc *time.Location) time.Time {
	t := d.Time()
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, loc)
}
