package main

import (
	"context"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"argo/configs"
	"argo/server/state/sqlite"
	"argo/tables"
	"argo/tables/fault"
)

func TestConfiguredFreshness(t *testing.T) {
	step := func(days int, keep time.Duration) configs.Freshness {
		return configs.Freshness{Steps: []configs.Step{{Within: days, Keep: keep}}}
	}
	scan := func() []tables.Table {
		slow := tables.Freshness{Steps: []tables.Step{{Within: 90, Keep: 24 * time.Hour}}}
		own := tables.Freshness{Steps: []tables.Step{{Within: 7, Keep: time.Hour}}, Entity: time.Minute}
		var list []tables.Table
		for _, name := range []string{"a", "b", "file"} {
			tab := tables.Table{Name: name, Fresh: own, Groups: map[string]tables.Freshness{"conversions": slow}}
			if name != "file" {
				tab.Scan = func(context.Context, tables.Scan) iter.Seq2[tables.Row, error] {
					return func(func(tables.Row, error) bool) {}
				}
			}
			list = append(list, tab)
		}
		return list
	}
	for _, c := range []struct {
		name  string
		given map[string]configs.Freshness
		want  string // settled days of a, a.conversions, b, b.conversions
		wrong string
	}{
		{"nothing", nil, "7 90 7 90", ""},
		{"every table, and so all of its groups", map[string]configs.Freshness{"*": step(3, time.Hour)}, "3 3 3 3", ""},
		{"one table over every table", map[string]configs.Freshness{"*": step(3, time.Hour), "b": step(5, time.Hour)}, "3 3 5 5", ""},
		{"a group over its table", map[string]configs.Freshness{"*": step(3, time.Hour), "a.conversions": step(60, time.Hour)}, "3 60 3 3", ""},
		{"a table over the group of every table", map[string]configs.Freshness{"*.conversions": step(30, time.Hour), "a": step(5, time.Hour)}, "5 5 7 30", ""},
		{"groups", map[string]configs.Freshness{"*.conversions": step(30, time.Hour), "a.conversions": step(60, time.Hour)}, "7 60 7 30", ""},
		{"no such table", map[string]configs.Freshness{"c": step(3, time.Hour)}, "", `called "c"`},
		{"no such group", map[string]configs.Freshness{"a.clicks": step(3, time.Hour)}, "", `called "a.clicks"`},
		{"a file is always fresh", map[string]configs.Freshness{"file": step(3, time.Hour)}, "", `called "file"`},
	} {
		list := scan()
		err := refresh(list, &configs.Connection{Name: "x", Freshness: c.given})
		if c.wrong != "" {
			if !fault.Is(err, fault.Config) || !strings.Contains(err.Error(), c.wrong) || !strings.Contains(err.Error(), "a, a.conversions, b, b.conversions") {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got []string
		for _, tab := range list[:2] {
			got = append(got, strconv.Itoa(tab.Fresh.Settled()), strconv.Itoa(tab.Groups["conversions"].Settled()))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, not %s", c.name, got, c.want)
		}
	}
	list := scan()
	if err := refresh(list, &configs.Connection{Freshness: map[string]configs.Freshness{"a": {Entity: time.Hour}}}); err != nil || list[0].Fresh.Entity != time.Hour || list[0].Fresh.Settled() != 7 {
		t.Errorf("an entity's alone: %+v %v", list[0].Fresh, err)
	}
}

// The folder of a process is taken while it lives, and removed by the next one
// when it has died, however it died.
func TestOwnDir(t *testing.T) {
	if parent := os.Getenv("ARGO_TEST_OWN_DIR"); parent != "" {
		if _, _, err := ownDir(parent); err != nil {
			t.Fatal(err)
		}
		os.Exit(0) // as killed: nothing is tidied up
	}
	parent := t.TempDir()
	mine, done, err := ownDir(parent)
	if err != nil {
		t.Fatal(err)
	}
	dead := exec.Command(os.Args[0], "-test.run", "TestOwnDir$")
	dead.Env = append(os.Environ(), "ARGO_TEST_OWN_DIR="+parent)
	if out, err := dead.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	entries, err := os.ReadDir(parent)
	if err != nil || len(entries) != 2 {
		t.Fatalf("%v %v", entries, err)
	}
	for _, e := range entries {
		path := filepath.Join(parent, e.Name())
		if alive := taken(path); alive != (path == mine) {
			t.Errorf("%s lives: %v", path, alive)
		}
	}
	other, done2, err := ownDir(parent)
	if err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(parent); len(entries) != 2 || !taken(mine) || !taken(other) {
		t.Errorf("there is %v", entries)
	}
	if err := done(); err != nil || taken(mine) {
		t.Errorf("it lives after its end: %v", err)
	}
	if err := done2(); err != nil {
		t.Error(err)
	}
	if taken(filepath.Join(parent, "..")) {
		t.Error("what is no process lives")
	}
}

func TestLockSetup(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lockSetup(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := lockSetup(ctx, dir); err == nil {
		t.Error("two at once")
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
	if unlock, err = lockSetup(context.Background(), dir); err != nil {
		t.Error(err)
	} else if err := unlock(); err != nil {
		t.Error(err)
	}
}

func TestSpenders(t *testing.T) {
	db, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var s spenders
	for _, name := range []string{"b", "a", "b"} {
		if err := s.by(name, db.Quotas()).Update(context.Background(), []string{"token"}, func(states map[string][]byte) error {
			states["token"] = append(states["token"], 'x')
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := db.Quotas().All(context.Background())
	if err != nil || string(all["token"]) != "xxx" {
		t.Errorf("%q %v", all, err)
	}
	if got := strings.Join(s.of("token"), " "); got != "a b" {
		t.Errorf("spent by %s", got)
	}
	if len(s.of("other")) != 0 {
		t.Error("spent by nobody")
	}
}
