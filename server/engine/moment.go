package engine

import (
	"context"

	"argo/tables"

	"golang.org/x/sync/errgroup"
)

// handed is what the leaves of a sheet were given.
type handed struct {
	sheet *sheet
	got   []portion
	lost  map[string]bool // accounts that gave nothing
}

// settle makes what was read one account after the other the answer of one
// moment, so that AS OF this moment gives the same rows: where anything became
// known after the statement had begun, every table that has a history is read
// again, as of now. That makes no call. What cannot be read so, because its
// cells were forgotten or given up meanwhile, stays as it is.
func (f *fetching) settle() {
	trace := tables.TraceOf(f.gms)
	known := trace.Cost().Known
	if !known.After(f.began) {
		return
	}
	now := f.e.o.Now()
	if now.Before(known) {
		now = known
	}
	own := &tables.Trace{}
	ctx := tables.WithTrace(context.Context(f.gms), own)
	group := errgroup.Group{}
	group.SetLimit(f.e.o.Parallel)
	for _, h := range f.handed {
		if !h.sheet.t.History || !h.sheet.asOf.IsZero() {
			continue
		}
		for i, a := range h.sheet.asks {
			p := &h.got[i]
			if !p.asked || p.err != nil {
				continue
			}
			group.Go(func() error {
				s := a.scan
				s.AsOf, s.Strict = now, true
				files, release, err := h.sheet.t.Files(ctx, s)
				if err != nil {
					return nil
				}
				f.mu.Lock()
				defer f.mu.Unlock()
				f.releases = append(f.releases, release)
				p.files = files
				return nil
			})
		}
	}
	_ = group.Wait() // none fails
	trace.Known(own.Cost().Known)
	for _, h := range f.handed {
		f.hand(h)
	}
}
