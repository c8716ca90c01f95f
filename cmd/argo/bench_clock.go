package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// page is a clock that several processes read: it stands until the process in
// slot 0 moves it. Whoever sleeps on it says until when, so that the mover can
// go to the next moment at which something happens.
//
// The file holds 64-bit words: the time in Unix microseconds, then for each
// process the moment that its first sleeper waits for, 0 where none sleeps.
type page struct {
	file *os.File
	slot int
	now  atomic.Int64 // of the mover

	setting  sync.Mutex
	mu       sync.Mutex
	sleepers map[*int64]bool // wanted moments of this process
	moved    chan struct{}   // closed when the clock has been moved, in slot 0
}

// pageSlots is how many processes a page has room for.
const pageSlots = 64

// openPage opens the clock in a file, which is made where there is none.
func openPage(path string, slot int) (*page, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(8 * (1 + pageSlots)); err != nil {
		f.Close()
		return nil, err
	}
	return &page{file: f, slot: slot, sleepers: map[*int64]bool{}, moved: make(chan struct{})}, nil
}

func (p *page) word(i int) int64 {
	var b [8]byte
	if _, err := p.file.ReadAt(b[:], int64(8*i)); err != nil {
		panic(fmt.Sprintf("the clock cannot be read: %v", err)) // a trial without time is over
	}
	return int64(binary.LittleEndian.Uint64(b[:]))
}

func (p *page) write(i int, v int64) {
	if _, err := p.file.WriteAt(binary.LittleEndian.AppendUint64(nil, uint64(v)), int64(8*i)); err != nil {
		panic(fmt.Sprintf("the clock cannot be moved: %v", err))
	}
}

func (p *page) micros() int64 {
	if p.slot == 0 {
		return p.now.Load()
	}
	return p.word(0)
}

// Now is the time the clock stands at.
func (p *page) Now() time.Time { return time.UnixMicro(p.micros()).UTC() }

// Set moves the clock on; only slot 0 does.
func (p *page) Set(t time.Time) {
	p.setting.Lock()
	defer p.setting.Unlock()
	if us := t.UnixMicro(); us > p.now.Load() {
		p.now.Store(us)
		p.write(0, us)
		p.mu.Lock()
		close(p.moved)
		p.moved = make(chan struct{})
		p.mu.Unlock()
	}
}

// Advance moves the clock by d.
func (p *page) Advance(d time.Duration) { p.Set(p.Now().Add(d)) }

// Sleep waits until the clock has been moved by d, or ctx ends.
func (p *page) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	until := p.micros() + max(d.Microseconds(), 1)
	p.note(&until, true)
	defer p.note(&until, false)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		p.mu.Lock()
		moved := p.moved
		p.mu.Unlock()
		if p.micros() >= until {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-moved:
		case <-tick.C: // another process moves it
		}
	}
}

func (p *page) note(until *int64, sleeps bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if delete(p.sleepers, until); sleeps {
		p.sleepers[until] = true
	}
	first := int64(0)
	for s := range p.sleepers {
		if first == 0 || *s < first {
			first = *s
		}
	}
	p.write(1+p.slot, first)
}

// next is the first moment that anybody waits for.
func (p *page) next() (first int64) {
	for i := range pageSlots {
		if s := p.word(1 + i); s != 0 && (first == 0 || s < first) {
			first = s
		}
	}
	return first
}

// forget ends the sleepers of a process that has died.
func (p *page) forget(slot int) { p.write(1+slot, 0) }

// busy counts what the vendors of a world are doing.
type busy struct{ open, events atomic.Int64 }

// while runs f, and lets time pass wherever everything waits for it: nothing is
// open at a vendor, nothing happens, and somebody sleeps. The longer the step,
// the longer (by the wall clock) everything must have been quiet before it, so
// that what merely computes is not overtaken by its own deadlines.
func (p *page) while(b *busy, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	quiet, events := time.Now(), b.events.Load()
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
		}
		next, now := p.next(), p.now.Load()
		if e := b.events.Load(); e != events || b.open.Load() > 0 || next != 0 && next <= now {
			quiet, events = time.Now(), e
			continue
		}
		step := time.Duration(next-now) * time.Microsecond
		if next != 0 && time.Since(quiet) > 30*time.Millisecond+step/40 {
			p.Set(time.UnixMicro(next))
			quiet = time.Now()
		}
	}
}
