package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"time"

	"argo/cache/s3/s3test"
	"argo/tables"

	"math/rand/v2"
)

// restart fills the cache of a gateway in a process of its own, stops it in two
// ways, and measures how long the next one takes to its first answer and what
// it still has; then a second machine with an empty disk and the same bucket.
func restart(ctx context.Context, b *bench) error {
	v, err := newVendors(b, noon)
	if err != nil {
		return err
	}
	defer v.close()
	since := tables.DayOf(noon).Add(-120)
	c := &coverage{b: b, v: v, since: since, rand: rand.New(rand.NewPCG(b.seed, 5)), accounts: threeAccounts()}
	for _, name := range []string{"agency", "pool"} {
		if _, err := v.addAPI(name, grain{maxDays: 7}, law{seed: b.seed, settled: 28, items: 3}, c.accounts, since); err != nil {
			return err
		}
	}
	if err := restartDisk(ctx, c, v.apis[0]); err != nil {
		return err
	}
	return restartBucket(ctx, c, v.apis[1])
}

// firstAnswer is how long a gateway may take from the start of its process.
const firstAnswer = 3 * time.Second

func restartDisk(ctx context.Context, c *coverage, api *apiVendor) error {
	b, v := c.b, c.v
	mib := cmp.Or(b.mib, pick(b, 5120, 256))
	if err := (stock{source: "agency", segments: 4 * mib, bytes: int64(mib) << 20, now: noon}).fill(ctx, filepath.Join(b.dir, "data")); err != nil {
		return err
	}
	config, err := v.configure("argo", "data", "cache: {warm: false}")
	if err != nil {
		return err
	}
	n, err := v.spawn(ctx, config)
	if err != nil {
		return err
	}
	var questions []question
	for range 40 {
		q := c.draw(tables.DayOf(noon))
		for i := range q.days { // a third of the extent stays cold
			q.days[i].From = max(q.days[i].From, c.since.Add(40))
			q.days[i].To = max(q.days[i].To, q.days[i].From)
		}
		questions = append(questions, q)
	}
	cold := c.since
	// pass asks the dashboard and, each time, days that nobody has asked for yet.
	pass := func(n *node) (ratio float64, calls int, err error) {
		all := append(questions[:len(questions):len(questions)], question{table: benchTables[0], columns: []string{"clicks"}, days: []tables.Days{{From: cold, To: cold.Add(6)}}})
		cold = cold.Add(7)
		began := v.page.Now()
		for _, q := range all {
			if err := v.page.while(v.door.busy, func() error { return c.pose(ctx, n.db, api, "agency", q) }); err != nil {
				return 0, 0, err
			}
		}
		rows, err := n.ask(ctx, fmt.Sprintf("SELECT SUM(cells_cached), SUM(cells_fetched) FROM argo.queries WHERE started_at >= '%s'", began.Format("2006-01-02 15:04:05.000000")))
		if err != nil {
			return 0, 0, err
		}
		var cached, missed float64
		if _, err := fmt.Sscan(rows[0][0]+" "+rows[0][1], &cached, &missed); err != nil {
			return 0, 0, fmt.Errorf("argo.queries: %v: %w", rows, err)
		}
		calls, _, _ = reports(api.take())
		return cached / (cached + missed), calls, nil
	}
	if _, _, err := pass(n); err != nil { // fills
		return err
	}
	v.page.Advance(time.Second)
	before, callsBefore, err := pass(n)
	if err != nil {
		return err
	}
	rows, err := n.ask(ctx, "SELECT COUNT(*), SUM(bytes) FROM argo.segments")
	if err != nil {
		return err
	}
	b.section("one node")
	b.figure("cache", "%s segments, %s bytes", rows[0][0], rows[0][1])
	b.figure("before", "%.4f of the cells cached, %d calls", before, callsBefore)
	for _, how := range []string{"stopped", "killed"} {
		if how == "killed" {
			n.kill()
		} else {
			n.stop()
		}
		v.page.Advance(time.Second)
		began := time.Now()
		if n, err = v.spawn(ctx, config); err != nil {
			return err
		}
		accepts := time.Since(began)
		if err := v.page.while(v.door.busy, func() error { return c.pose(ctx, n.db, api, "agency", questions[0]) }); err != nil {
			return err
		}
		first := time.Since(began)
		calls, _, _ := reports(api.take())
		b.demand(calls == 0, "the first answer after a restart made %d calls", calls)
		ratio, calls, err := pass(n)
		if err != nil {
			return err
		}
		b.figure(how, "first answer after %.2f s (listening after %.2f s); %.4f of the cells cached, %d calls", first.Seconds(), accepts.Seconds(), ratio, calls)
		b.demand(first <= firstAnswer, "%s: the first answer took %.2f s", how, first.Seconds())
		b.demand(ratio >= before, "%s: the hit ratio is %.4f and was %.4f", how, ratio, before)
		b.demand(calls <= callsBefore, "%s: %d calls and %d before", how, calls, callsBefore)
	}
	n.stop()
	return nil
}

func restartBucket(ctx context.Context, c *coverage, api *apiVendor) error {
	b, v := c.b, c.v
	bucket, done, err := v.bucket()
	if err != nil {
		return err
	}
	defer done()
	var questions []question
	for range pick(b, 100, 20) {
		questions = append(questions, c.draw(tables.DayOf(noon)))
	}
	b.section("a second node with an empty disk and the same bucket")
	for i, name := range []string{"first", "second"} {
		config, err := v.configure(name, name, bucket)
		if err != nil {
			return err
		}
		began := time.Now()
		n, err := v.spawn(ctx, config)
		if err != nil {
			return err
		}
		for _, q := range questions {
			if err := v.page.while(v.door.busy, func() error { return c.pose(ctx, n.db, api, "pool", q) }); err != nil {
				return err
			}
		}
		if err := v.settle(ctx, 50*time.Millisecond); err != nil {
			return err
		}
		calls := len(api.take())
		b.figure(name+" node", "%d questions, %d calls, %.1f s", len(questions), calls, time.Since(began).Seconds())
		if i == 1 {
			b.demand(calls == 0, "the second node made %d calls for what the bucket holds", calls)
		}
		n.stop()
	}
	return nil
}

// bucket gives the configuration of a cache in a bucket: that of an S3 server
// where one was named, of one in this process otherwise, until done.
func (v *vendors) bucket() (yaml string, done func(), err error) {
	url, done := v.b.s3, func() {}
	if url == "" {
		server := s3test.New("argo")
		server.Now = v.page.Now
		url, done = server.URL, server.Close
	}
	for name, value := range map[string]string{"access": s3test.Access, "s3secret": s3test.Secret} {
		if err := writeFile(filepath.Join(v.b.dir, name), []byte(value)); err != nil {
			return "", done, err
		}
	}
	return fmt.Sprintf("cache: {warm: false, s3: {bucket: argo, prefix: bench, endpoint: '%[1]s', region: us-east-1, path_style: true, access_key: 'file:%[2]s/access', secret_key: 'file:%[2]s/s3secret'}}",
		url, v.b.dir), done, nil
}
