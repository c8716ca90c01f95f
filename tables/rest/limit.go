package rest

import (
	"context"
	"sync"
	"time"

	"argo/tables/fault"

	"golang.org/x/time/rate"
)

// Limit is a budget of requests that share a key: a token, an app, an account,
// an endpoint, or several of them. The budget lives as long as the client.
type Limit struct {
	Key   string
	Every time.Duration // one request each, on average
	Burst int           // at once, default 1
	// Daily, where positive, replaces Every and Burst: so many requests in one
	// calendar day of UTC.
	Daily int
}

type buckets struct {
	mu    sync.Mutex
	rate  map[string]*rate.Limiter
	daily map[string]*day
}

type day struct {
	date string
	used int
}

// admit takes one request from every budget, waiting where it has to. A wait
// beyond MaxWait takes nothing and is a Throttled fault.
func (c *Client) admit(ctx context.Context, r *Request) *fault.Error {
	if len(r.Limits) == 0 {
		return nil
	}
	wait, cancel := c.buckets.reserve(c.o.Now(), r.Limits)
	if wait > c.o.MaxWait {
		cancel()
		f := fault.New(fault.Throttled, "%s: the request budget is used up", c.about(r)).WithHint("try again in %s", wait.Round(time.Second))
		f.RetryAfter = wait
		return f
	}
	if wait <= 0 {
		return nil
	}
	if err := c.o.Sleep(ctx, wait); err != nil {
		cancel()
		return c.canceled(ctx, r)
	}
	return nil
}

func (b *buckets) reserve(now time.Time, limits []Limit) (wait time.Duration, cancel func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var undo []func()
	for _, l := range limits {
		if l.Daily > 0 {
			if b.daily == nil {
				b.daily = map[string]*day{}
			}
			date := now.UTC().Format(time.DateOnly)
			d := b.daily[l.Key]
			if d == nil || d.date != date {
				d = &day{date: date}
				b.daily[l.Key] = d
			}
			d.used++
			undo = append(undo, func() { d.used-- })
			if d.used > l.Daily {
				wait = max(wait, now.UTC().Truncate(24*time.Hour).Add(24*time.Hour).Sub(now))
			}
			continue
		}
		if b.rate == nil {
			b.rate = map[string]*rate.Limiter{}
		}
		lim := b.rate[l.Key]
		if lim == nil {
			lim = rate.NewLimiter(rate.Every(l.Every), max(1, l.Burst))
			b.rate[l.Key] = lim
		}
		r := lim.ReserveN(now, 1)
		undo = append(undo, func() { r.CancelAt(now) })
		wait = max(wait, r.DelayFrom(now))
	}
	return wait, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, u := range undo {
			u()
		}
	}
}
