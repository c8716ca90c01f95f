package rest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"time"
)

// Limit is a budget that a request takes units from. The limits of a request
// go from the widest to the narrowest (token, app, account, endpoint): each is
// the parent of the next, and a request takes from all of them or from none.
//
// Budgets live in Options.Quotas: whoever names the same key shares one, in
// this process and in others, and a restart finds it as it was.
//
// A share of every budget is kept for each purpose (tables.PurposeOf):
//
//	action   5 %
//	people  40 %
//	refresh 15 %
//
// The rest is for whoever comes first, background work included; an action,
// which is rare and cannot wait, may take what is kept for others too. A share
// comes evenly over a window: what its purpose did not need while it passed
// flows to the others, but for the standing part of it, 3.5 % of the limit in
// all; a backlog uses at least 95 %. A budget so small that a share rounds to
// nothing keeps nothing for it.
//
// What has been sent counts from then until its reply and from its reply on, as
// if it had reached the source at the worst moment between: however long
// requests travel, the source never sees more than its law allows. What a
// process sent that died counts as if it had arrived within a minute.
type Limit struct {
	Key   string // a path: "google_ads/1f0c2a9b/account/111/requests"; no secret
	Law   Law
	Units int // that the request takes; default 1
}

// Digest names a secret in the key of a Limit: whoever has the same one shares
// its budgets, and nobody can tell it from its name.
func Digest(secret string) string {
	sum := sha256.Sum256([]byte("argo quota " + secret))
	return hex.EncodeToString(sum[:4])
}

// Law says how many units there are and how they come back. Make one with
// Bucket, Daily or Rolling.
type Law struct {
	Kind   string        `json:"kind"`             // bucket, day, rolling
	Limit  int           `json:"limit"`            // units at once, or of a window; 0: no limit, units are only counted
	Every  time.Duration `json:"every,omitempty"`  // of a bucket: one unit comes back
	Window time.Duration `json:"window,omitempty"` // of a rolling window
	Zone   string        `json:"zone,omitempty"`   // of a day: IANA
}

// Bucket holds burst units; one comes back after each every.
func Bucket(every time.Duration, burst int) Law {
	return Law{Kind: "bucket", Limit: max(1, burst), Every: every}
}

// Daily gives so many units in a calendar day of an IANA time zone, "" for UTC.
// Within two seconds of midnight a unit counts on both sides, since the clocks
// of two machines differ.
func Daily(units int, zone string) Law {
	return Law{Kind: "day", Limit: units, Zone: cmp.Or(zone, "UTC")}
}

// Rolling gives so many units in any stretch of a length.
func Rolling(units int, window time.Duration) Law {
	return Law{Kind: "rolling", Limit: units, Window: window}
}

// String is the law in words: "15000 in any 24h", "20 at once, then one every
// 100ms".
func (l Law) String() string {
	switch {
	case l.Kind == "bucket":
		return fmt.Sprintf("%d at once, then one every %s", l.Limit, short(l.Every))
	case l.Kind == "day":
		return fmt.Sprintf("%d a day of %s", l.Limit, l.Zone)
	case l.Limit == 0:
		return "no limit"
	}
	return fmt.Sprintf("%d in any %s", l.Limit, short(l.Window))
}

// length is the stretch over which a law gives its limit once.
func (l Law) length() time.Duration {
	switch l.Kind {
	case "bucket":
		return time.Duration(l.Limit) * l.Every
	case "day":
		return 24 * time.Hour
	}
	return l.Window
}

// short is a duration without zero parts: 24h, not 24h0m0s.
func short(d time.Duration) string {
	s := d.String()
	for _, tail := range []string{"m0s", "h0m"} {
		if n := len(s) - len(tail); n > 0 && s[n:] == tail {
			s = s[:n+1]
		}
	}
	return s
}

var zones sync.Map // name → *time.Location

// day gives the calendar day of the law's zone that t is in.
func (l Law) day(t time.Time) (from, to time.Time) {
	loc := time.UTC
	if known, ok := zones.Load(l.Zone); ok {
		loc = known.(*time.Location)
	} else if found, err := time.LoadLocation(l.Zone); err == nil {
		zones.Store(l.Zone, found)
		loc = found
	}
	y, m, d := t.In(loc).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, loc), time.Date(y, m, d+1, 0, 0, 0, 0, loc)
}
