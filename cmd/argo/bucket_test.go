package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"argo/cache/s3/s3test"
	"argo/configs"

	"golang.org/x/sync/errgroup"
)

// TestTwoNodesOneBucket: a gateway with an empty disk answers from what another
// one has put into the bucket, without a call to any channel, and both agree on
// who fetches what neither has.
func TestTwoNodesOneBucket(t *testing.T) {
	ctx := t.Context()
	server := s3test.New("argo")
	defer server.Close()
	v, err := newVendors(&bench{seed: 1, short: true, dir: t.TempDir(), log: slog.New(slog.DiscardHandler), out: io.Discard}, noon)
	if err != nil {
		t.Fatal(err)
	}
	defer v.close()
	google, tracker := noLimits()
	if err := v.addMarket("2025-12-01", google, tracker); err != nil {
		t.Fatal(err)
	}
	// A real server, where the environment names one, has a bucket called argo.
	url, access, secret, sse := server.URL, s3test.Access, s3test.Secret, "AES256"
	if real := os.Getenv("ARGO_TEST_S3"); real != "" {
		url, access, secret, sse = real, os.Getenv("ARGO_TEST_S3_KEY"), os.Getenv("ARGO_TEST_S3_SECRET"), ""
	}
	for name, value := range map[string]string{"access": access, "secret": secret} {
		if err := writeFile(v.b.dir+"/s3-"+name, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	prefix := rand.Text()
	begin := func(name string) *node {
		t.Helper()
		config, err := v.configure(name, name, fmt.Sprintf(`cache: {warm: false, s3: {bucket: argo, prefix: "%s", region: us-east-1, endpoint: "%s", path_style: true,
			access_key: "file:%[3]s/s3-access", secret_key: "file:%[3]s/s3-secret", sse: "%s"}}`, prefix, url, v.b.dir, sse))
		if err != nil {
			t.Fatal(err)
		}
		n, err := v.start(ctx, config)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	statements := []string{
		"SELECT customer_id, date, SUM(impressions), SUM(cost) FROM google_ads.campaign_performance WHERE date BETWEEN '2026-02-01' AND '2026-03-01' GROUP BY 1, 2 ORDER BY 1, 2",
		"SELECT customer_id, id, name FROM google_ads.campaigns ORDER BY 1, 2",
		"SELECT app_id, date, SUM(installs) FROM appsflyer.partners_by_date WHERE date BETWEEN '2026-01-10' AND '2026-02-10' GROUP BY 1, 2 ORDER BY 1, 2",
	}
	answers := func(n *node) (out [][][]string) {
		t.Helper()
		for _, text := range statements {
			rows, err := n.ask(ctx, text)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			out = append(out, rows)
		}
		return out
	}
	one := begin("one")
	want := answers(one)
	if calls := v.takeSims(); len(calls) == 0 || len(want[0]) == 0 {
		t.Fatalf("%d calls, answers %v", len(calls), want)
	}
	two := begin("two")
	got := answers(two)
	if calls := v.takeSims(); len(calls) > 0 {
		t.Errorf("a node with an empty disk made %d calls for what is covered, the first is %s", len(calls), calls[0].path)
	}
	for i := range want {
		if !slices.EqualFunc(got[i], want[i], slices.Equal[[]string]) {
			t.Errorf("%s: the nodes differ:\n%v\n%v", statements[i], got[i], want[i])
		}
	}
	for _, key := range server.Keys() {
		if _, h := server.Object(key); h.Get("X-Amz-Server-Side-Encryption") != "AES256" {
			t.Errorf("%s is not encrypted", key)
		}
	}

	// Asked at once for what neither has, they fetch it once between them: as
	// many calls as one of them makes alone for days of the same kind.
	ranges := func(n *node, months string) error {
		for day := 1; day <= 25; day += 4 {
			text := fmt.Sprintf("SELECT customer_id, COUNT(*) FROM google_ads.campaign_performance WHERE date BETWEEN '%s-%02d' AND '%[1]s-%02d' GROUP BY 1", months, day, day+3)
			if _, err := ask(ctx, n.db, text); err != nil {
				return fmt.Errorf("%s: %w", text, err)
			}
		}
		return nil
	}
	if err := v.page.while(v.door.busy, func() error { return ranges(one, "2026-01") }); err != nil {
		t.Fatal(err)
	}
	alone := len(v.takeSims())
	if err := v.page.while(v.door.busy, func() error {
		var group errgroup.Group
		for range 3 {
			for _, n := range []*node{one, two} {
				group.Go(func() error { return ranges(n, "2025-12") })
			}
		}
		return group.Wait()
	}); err != nil {
		t.Fatal(err)
	}
	if together := len(v.takeSims()); together != alone || alone == 0 {
		t.Errorf("two nodes made %d calls together, one alone %d", together, alone)
	}

	// The disk of one is lost while it stands; the bucket stays the truth.
	one.stop()
	if rows := answers(begin("three")); !slices.EqualFunc(rows[0], want[0], slices.Equal[[]string]) {
		t.Error("the third node differs")
	}
	if calls := v.takeSims(); len(calls) > 0 {
		t.Errorf("the third node made %d calls", len(calls))
	}
}

// TestCheckBucket: argo check says whether the cache can live in a bucket.
func TestCheckBucket(t *testing.T) {
	server := s3test.New("argo")
	defer server.Close()
	t.Setenv("TEST_ACCESS", s3test.Access)
	t.Setenv("TEST_SECRET", s3test.Secret)
	cfg := &configs.Config{Cache: configs.Cache{S3: &configs.S3{Bucket: "argo", Region: "us-east-1", Endpoint: server.URL, PathStyle: true,
		AccessKey: "env:TEST_ACCESS", SecretKey: "env:TEST_SECRET"}}}
	look := func() finding {
		t.Helper()
		all := check(context.Background(), cfg, 30*time.Second)
		if len(all) != 1 || all[0].what != "cache.s3" {
			t.Fatal(all)
		}
		return all[0]
	}
	if f := look(); f.state != "ok" || !strings.Contains(f.found, "s3://argo/") {
		t.Error(f)
	}
	server.IgnoreIfNoneMatch = true
	if f := look(); f.state != "wrong" || !strings.Contains(f.found, "ignores If-None-Match") || f.todo == "" {
		t.Error(f)
	}
	cfg.Cache.S3.SecretKey = "env:TEST_ABSENT"
	if f := look(); f.state != "wrong" || !strings.Contains(f.todo, "export TEST_ABSENT") {
		t.Error(f)
	}
}
