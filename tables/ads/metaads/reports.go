package metaads

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"argo/tables/fault"
)

// reports remembers what was submitted and has not been read to its end: in
// files, one each, or without a folder in memory. A lost file costs a call.
type reports struct {
	dir string

	mu    sync.Mutex
	kept  map[string]pending       // without a folder
	turns map[string]chan struct{} // who has the token works on the report
}

// pending is a report that was submitted.
type pending struct {
	Run string    `json:"report_run_id"`
	At  time.Time `json:"at"`
}

// gaveUp stands for the id of a report that Meta gave up.
const gaveUp = "0"

// life is for how long a report is gone on with: its figures are those of when it
// ran. The longest time that one is waited for, twice.
const life = 2 * time.Hour

// reportKey names a request.
func reportKey(account string, params url.Values) string {
	sum := sha256.Sum256([]byte(account + "?" + params.Encode()))
	return hex.EncodeToString(sum[:16])
}

// take waits until nobody else in this process works on the report.
func (r *reports) take(ctx context.Context, key string) (done func(), err error) {
	r.mu.Lock()
	if r.turns == nil {
		r.turns = map[string]chan struct{}{}
	}
	turn := r.turns[key]
	if turn == nil {
		turn = make(chan struct{}, 1)
		r.turns[key] = turn
	}
	r.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *reports) path(key string) string { return filepath.Join(r.dir, key+".json") }

// load gives a report that was submitted not long ago.
func (r *reports) load(key string, now time.Time) (run string, ok bool) {
	var p pending
	if r.dir == "" {
		r.mu.Lock()
		p = r.kept[key]
		r.mu.Unlock()
	} else if b, err := os.ReadFile(r.path(key)); err != nil || json.Unmarshal(b, &p) != nil {
		return "", false
	}
	if age := now.Sub(p.At); !digits.MatchString(p.Run) || age < 0 || age > life {
		return "", false
	}
	return p.Run, true
}

func (r *reports) has(key string, now time.Time) bool {
	_, ok := r.load(key, now)
	return ok
}

// save keeps a report, on disk before it returns: whole or not at all.
func (r *reports) save(key, run string, now time.Time) error {
	p := pending{run, now}
	if r.dir == "" {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.kept == nil {
			r.kept = map[string]pending{}
		}
		r.kept[key] = p
		return nil
	}
	err := os.MkdirAll(r.dir, 0o700)
	if err == nil {
		err = r.write(key, p)
	}
	return fault.Wrap(fault.Unavailable, err, "the id of a report of Meta cannot be kept")
}

func (r *reports) write(key string, p pending) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(r.dir, "*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the rename it has another name
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), r.path(key))
}

// drop forgets a report; one that cannot be forgotten is too old in a while.
func (r *reports) drop(key string) {
	if r.dir != "" {
		_ = os.Remove(r.path(key))
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.kept, key)
}
