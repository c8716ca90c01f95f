package naversearchad

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
)

// jobs remembers report jobs that were submitted, in memory and in the
// connection's folder, one file each.
type jobs struct {
	dir string // "": in memory alone

	mu    sync.Mutex
	turns map[string]chan struct{}
	kept  map[string]ticket
}

// ticket is a job, or the intent to submit one: without an ID its outcome is not
// known.
type ticket struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
	Spec
}

// Spec says which report: a job is one of it.
type Spec struct {
	Customer string     `json:"customer"`
	Kind     string     `json:"kind"`   // stat-reports, master-reports
	Report   string     `json:"report"` // reportTp or item
	Day      tables.Day `json:"day"`    // of a stat report
}

func (s Spec) key() string {
	return strings.Join([]string{s.Customer, s.Kind, s.Report, string(s.Day)}, "_")
}

func (j *jobs) path(key string) string { return filepath.Join(j.dir, "jobs", key+".json") }

func (j *jobs) load(key string) (t ticket, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if t, ok = j.kept[key]; ok || j.dir == "" {
		return t, ok
	}
	text, err := os.ReadFile(j.path(key))
	return t, err == nil && json.Unmarshal(text, &t) == nil
}

// save keeps a ticket before anything is done with it.
func (j *jobs) save(key string, t ticket) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.kept[key] = t
	if j.dir == "" {
		return nil
	}
	text, err := json.Marshal(t)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(j.path(key)), 0o700)
	}
	if err == nil {
		temporary := j.path(key) + ".new"
		if err = os.WriteFile(temporary, text, 0o600); err == nil {
			err = os.Rename(temporary, j.path(key))
		}
	}
	return fault.Wrap(fault.Unavailable, err, "a report job cannot be remembered")
}

// forgotten takes the tickets of an account that nobody came back for.
func (j *jobs) forgotten(customer string, before time.Time) (out []ticket) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.dir != "" {
		files, _ := filepath.Glob(j.path(customer + "_*"))
		for _, path := range files {
			var t ticket
			text, err := os.ReadFile(path)
			if err == nil && json.Unmarshal(text, &t) == nil && t.At.Before(before) && os.Remove(path) == nil {
				delete(j.kept, strings.TrimSuffix(filepath.Base(path), ".json"))
				out = append(out, t)
			}
		}
		return out
	}
	for key, t := range j.kept {
		if t.Customer == customer && t.At.Before(before) {
			delete(j.kept, key)
			out = append(out, t)
		}
	}
	return out
}

func (j *jobs) forget(key string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.kept, key)
	if j.dir != "" {
		_ = os.Remove(j.path(key)) // one that is left is too old to be gone on with
	}
}

// lock lets one report of a key be under way.
func (j *jobs) lock(ctx context.Context, key string) (unlock func(), err error) {
	j.mu.Lock()
	turn := j.turns[key]
	if turn == nil {
		turn = make(chan struct{}, 1)
		j.turns[key] = turn
	}
	j.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Canceled, ctx.Err(), "Naver Search Ad: the request was given up")
	}
}

const (
	// resume is how old a job may be that is gone on with: its figures are those of
	// when it was built.
	resume = 30 * time.Minute
	// patience is how long a job is waited for; it is gone on with afterwards.
	patience = 30 * time.Minute
	// tries is how many jobs are submitted for a report whose jobs end badly.
	tries = 3
)

// job is a report job as the API shows it.
type job struct {
	ReportJobID json.Number `json:"reportJobId"`
	ID          string      `json:"id"`
	ReportTp    string      `json:"reportTp"`
	Item        string      `json:"item"`
	StatDt      string      `json:"statDt"`
	FromTime    string      `json:"fromTime"`
	RegTm       string      `json:"regTm"`
	UpdateTime  string      `json:"updateTime"`
	Status      string      `json:"status"`
	DownloadURL string      `json:"downloadUrl"`
}

func (x job) id() string {
	if x.ID != "" {
		return x.ID
	}
	return x.ReportJobID.String()
}

// is says that the job is of the report, submitted at since or later.
func (x job) is(s Spec, since time.Time) bool {
	made := x.RegTm
	if s.Kind == "master-reports" {
		made = x.UpdateTime
	}
	at, err := time.Parse(time.RFC3339, made)
	if err != nil || at.Before(since.Add(-time.Minute)) {
		return false
	}
	if s.Kind == "master-reports" {
		return x.Item == s.Report && x.FromTime == ""
	}
	day, err := time.Parse(time.RFC3339, x.StatDt) // the echo is in UTC
	return err == nil && x.ReportTp == s.Report && tables.DayOf(day.In(seoul)) == s.Day
}

// report runs a job to its end and gives each line of its file, cut at the tabs;
// the slice is the caller's. What each returns false for ends it. Of an error
// nothing that was given counts.
func (c *Client) report(ctx context.Context, s Spec, each func(fields []string) (bool, error)) error {
	key := s.key()
	unlock, err := c.jobs.lock(ctx, key)
	if err != nil {
		return err
	}
	defer unlock()
	t, ok := c.jobs.load(key)
	if ok && c.now().Sub(t.At) >= resume {
		if t.ID != "" {
			c.drop(ctx, s, t.ID)
		}
		c.jobs.forget(key)
		ok = false
	}
	var last error
	for submitted := 0; ; {
		if ok && t.ID == "" {
			if t.ID, err = c.find(ctx, s, t.At); err != nil {
				return err
			}
			if ok = t.ID != ""; ok {
				if err := c.jobs.save(key, t); err != nil {
					return err
				}
			}
		}
		if !ok {
			if submitted++; submitted > tries {
				return last
			}
			for _, old := range c.jobs.forgotten(s.Customer, c.now().Add(-resume-patience)) {
				if old.ID == "" {
					old.ID, _ = c.find(ctx, old.Spec, old.At) // what cannot be found is not deleted
				}
				if old.ID != "" {
					c.drop(ctx, old.Spec, old.ID)
				}
			}
			t = ticket{At: c.now(), Spec: s}
			if err := c.jobs.save(key, t); err != nil {
				return err
			}
			ok = true
			if t.ID, err = c.submit(ctx, s); err != nil {
				switch {
				case fault.Is(err, fault.Unknown):
					last = err // it may have been made: the list of jobs tells
					continue
				case errors.Is(err, rest.ErrNotApplied):
					c.jobs.forget(key)
					if n := Code(err); n == 10004 || n == 20001 {
						return nil // no data for that day
					}
				}
				return err
			}
			if err := c.jobs.save(key, t); err != nil {
				return err
			}
		}
		x, err := c.wait(ctx, s, t)
		switch {
		case fault.Is(err, fault.NotFound): // dropped for newer ones, or deleted by somebody
			last = err
		case err != nil:
			return err
		case x.Status == "NONE":
			c.drop(ctx, s, t.ID)
			c.jobs.forget(key)
			return nil
		case x.Status == "BUILT":
			err := c.download(ctx, s, x.DownloadURL, each)
			if fault.Is(err, fault.NotFound) {
				last = err
				break
			}
			if err == nil {
				c.drop(ctx, s, t.ID)
				c.jobs.forget(key)
			}
			return err
		default: // ERROR, CHANGED: made anew
			last = fault.New(fault.Unavailable, "Naver Search Ad account %s: the report %s %s ended as %s", s.Customer, s.Report, s.Day, x.Status).
				WithHint("Naver could not build it, or rebuilt the day meanwhile; ask again in a few minutes")
			c.drop(ctx, s, t.ID)
		}
		c.jobs.forget(key)
		ok = false
	}
}

// submit makes a job. It is not repeated where its outcome is not known.
func (c *Client) submit(ctx context.Context, s Spec) (string, error) {
	body := map[string]string{"reportTp": s.Report, "statDt": strings.ReplaceAll(string(s.Day), "-", "")}
	if s.Kind == "master-reports" {
		body = map[string]string{"item": s.Report}
	}
	r, err := c.request(s.Customer, http.MethodPost, "/"+s.Kind, nil, body)
	if err != nil {
		return "", err
	}
	r.Write = true
	var x job
	err = c.send(ctx, r, &x)
	if f := fault.As(err); f != nil && strings.Contains(f.Message, "numbers of 'job'") {
		g := *f
		g.Kind = fault.Refused
		return "", g.WithHint("the account has as many %s as it may have: delete some in the console (대용량 다운로드 보고서), then ask again", s.Kind)
	}
	if fault.Is(err, fault.Unavailable) && !errors.Is(err, rest.ErrNotApplied) || err == nil && x.id() == "" {
		err = fault.Wrap(fault.Unknown, cmpErr(err), "Naver Search Ad account %s: a report was asked for and the reply cannot be read", s.Customer)
	}
	return x.id(), err
}

func cmpErr(err error) error {
	if err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}

// find looks for a job of the report that was submitted at since or later; "" where
// there is none.
func (c *Client) find(ctx context.Context, s Spec, since time.Time) (string, error) {
	var all []job
	if err := c.get(ctx, s.Customer, "/"+s.Kind, nil, &all); err != nil {
		return "", err
	}
	for _, x := range all {
		if x.is(s, since) {
			return x.id(), nil
		}
	}
	return "", nil
}

// wait asks for the job until it has ended.
func (c *Client) wait(ctx context.Context, s Spec, t ticket) (x job, err error) {
	pause := time.Second
	for begin := c.now(); ; {
		x = job{}
		if err := c.get(ctx, s.Customer, "/"+s.Kind+"/"+url.PathEscape(t.ID), nil, &x); err != nil {
			return x, err
		}
		switch x.Status {
		case "REGIST", "RUNNING", "WAITING", "AGGREGATING":
		case "BUILT", "NONE", "ERROR", "CHANGED":
			return x, nil
		default:
			return x, fault.New(fault.Broken, "Naver Search Ad account %s: the report %s has the unknown status %.40q", s.Customer, s.Report, x.Status)
		}
		if c.now().Sub(begin) >= patience {
			f := fault.New(fault.Unavailable, "Naver Search Ad account %s: the report %s %s is not built after %s", s.Customer, s.Report, s.Day, patience)
			f.RetryAfter = 5 * time.Minute
			return x, f.WithHint("ask again later: the job is gone on with")
		}
		if err := c.sleep(ctx, pause); err != nil {
			return x, fault.Wrap(fault.Canceled, err, "Naver Search Ad account %s: the request was given up", s.Customer)
		}
		pause = min(pause*2, 30*time.Second)
	}
}

// drop deletes a job; one that stays is dropped by Naver when there are too many.
// It is deleted even where nobody waits for the rows any more.
func (c *Client) drop(ctx context.Context, s Spec, id string) {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer done()
	r, err := c.request(s.Customer, http.MethodDelete, "/"+s.Kind+"/"+url.PathEscape(id), nil, nil)
	if err == nil {
		_ = c.send(ctx, r, nil)
	}
}

// download reads the file behind a link. The token in it may be encoded or not.
func (c *Client) download(ctx context.Context, s Spec, link string, each func([]string) (bool, error)) error {
	broken := func(err error, what string) error {
		return fault.Wrap(fault.Broken, err, "Naver Search Ad account %s, report %s: %s", s.Customer, s.Report, what)
	}
	u, err := url.Parse(link)
	if err != nil || u.Path == "" {
		return broken(cmpErr(err), "the link to the file cannot be read")
	}
	query, err := url.ParseQuery(strings.ReplaceAll(strings.ReplaceAll(u.RawQuery, "&amp;", "&"), "+", "%2B"))
	if err != nil {
		return broken(err, "the link to the file cannot be read")
	}
	r, err := c.request(s.Customer, http.MethodGet, u.Path, query, nil)
	if err != nil {
		return err
	}
	res, err := c.rest.Do(ctx, r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	defer func() { tables.TraceOf(ctx).Fetched(res.Rows, 0) }()
	err = lines(res.Body, res.Body.Delimited(), func(fields []string) (bool, error) {
		if ctx.Err() != nil {
			return false, fault.Wrap(fault.Canceled, ctx.Err(), "Naver Search Ad account %s: the request was given up", s.Customer)
		}
		res.Rows++
		return each(fields)
	})
	if err != nil {
		res.Err = c.named(s.Customer+", report "+s.Report, err)
	}
	return res.Err
}

// longest is how long a line may be.
const longest = 1 << 20

// lines gives the fields of every line of a tab-separated file without header and
// without quotes, compressed or not. delimited says that a cut would have been
// noticed; otherwise the last line has to end. Faults: Unavailable (cut), Broken.
func lines(r io.Reader, delimited bool, each func([]string) (bool, error)) error {
	in := bufio.NewReaderSize(r, 64<<10)
	if magic, _ := in.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in)
		if err != nil {
			return fileFault(err)
		}
		in, delimited = bufio.NewReaderSize(z, 64<<10), true
	}
	if bom, _ := in.Peek(3); string(bom) == "\xef\xbb\xbf" {
		_, _ = in.Discard(3)
	}
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		if line = append(line, part...); len(line) > longest {
			return fault.New(fault.Broken, "the file has a line of more than %d bytes", longest)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fileFault(err)
		}
		if err != nil && len(line) > 0 && !delimited {
			return fault.Wrap(fault.Unavailable, io.ErrUnexpectedEOF, "the reply was cut")
		}
		if text := strings.TrimRight(string(line), "\r\n"); text != "" {
			if text[0] == '<' || text[0] == '{' {
				return fault.New(fault.Broken, "the file is none: it begins with %.20q", text)
			}
			if more, err := each(strings.Split(text, "\t")); err != nil || !more {
				return err
			}
		}
		if line = line[:0]; err != nil {
			return nil
		}
	}
}

func fileFault(err error) error {
	switch {
	case fault.As(err) != nil:
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fault.Wrap(fault.Unavailable, io.ErrUnexpectedEOF, "the reply was cut")
	}
	return fault.Wrap(fault.Broken, err, "the file cannot be read")
}
