package market

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// journal appends actions to a file, each line synced before it counts.
type journal struct{ file *os.File }

func (j *journal) append(actions []Action) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, a := range actions {
		if err := enc.Encode(a); err != nil {
			return fmt.Errorf("journal action %d: %w", a.Seq, err)
		}
	}
	end, err := j.file.Seek(0, 2)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if _, err = j.file.Write(b.Bytes()); err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("journal: %w", errors.Join(err, j.file.Truncate(end)))
	}
	return nil
}

// Journal keeps the world in the file from now on: what is in it is loaded, and
// every later action is written and synced before it takes effect, so that a
// process that is killed at any moment finds all that it has answered for. A
// missing file is made. Call it before the world is used.
func (m *Market) Journal(path string) error {
	if err := m.LoadActions(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := m.SaveActions(path); err != nil { // without the torn end of a crash
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.journal = &journal{f}
	return nil
}

// Close ends the journal, if there is one.
func (m *Market) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.journal == nil {
		return nil
	}
	err := m.journal.file.Close()
	m.journal = nil
	return err
}

// SaveActions writes seed, first day, origin and all actions since the origin as
// JSON lines. The file is replaced as a whole: old or new, never a part.
func (m *Market) SaveActions(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.state.Load()
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("save actions: %w", err)
	}
	defer os.Remove(f.Name())
	w := bufio.NewWriter(f)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	err = enc.Encode(s.header)
	for _, a := range s.log {
		if !a.At.Before(s.Origin) {
			err = errors.Join(err, enc.Encode(a))
		}
	}
	err = errors.Join(err, w.Flush(), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("save actions: %w", err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// LoadActions makes the world that was saved: its seed, first day and origin
// replace those of Options, so that a restart finds the same past. A last line
// that a crash cut off is ignored. The error wraps fs.ErrNotExist where there
// is no file.
func (m *Market) LoadActions(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("load actions: %w", err)
	}
	lines := bytes.Split(data, []byte("\n"))
	lines = lines[:len(lines)-1] // what follows the last newline is empty or torn
	var h header
	if len(lines) == 0 {
		return fmt.Errorf("load actions: %s has no header", path)
	}
	if err := json.Unmarshal(lines[0], &h); err != nil || h.Start == "" || h.Origin.IsZero() {
		return fmt.Errorf("load actions: %s does not begin with the header of a world", path)
	}
	accounts := accountsOf(h.Channels)
	var actions []Action
	for i, line := range lines[1:] {
		var a Action
		if err := json.Unmarshal(line, &a); err != nil {
			return fmt.Errorf("load actions: %s line %d: %w", path, i+2, err)
		}
		if err := a.check(accounts); err != nil {
			return fmt.Errorf("load actions: %s line %d: %w", path, i+2, err)
		}
		actions = append(actions, a)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rebuild(h, actions)
	return nil
}

// check says whether the action can be applied blindly in a world with these accounts.
func (a Action) check(accounts []Account) error {
	h := blank(a.Kind, a.Account, a.ID)
	if !slices.ContainsFunc(accounts, func(o Account) bool { return o.ID == a.Account }) || h == nil || !slices.Contains([]Op{Create, Update, Remove}, a.Op) {
		return fmt.Errorf("action %d is not of this world", a.Seq)
	}
	for _, f := range a.Fields {
		if err := assign(h.field(f.Name), f.New); err != nil {
			return fmt.Errorf("action %d: %s: %w", a.Seq, f.Name, err)
		}
	}
	return nil
}
