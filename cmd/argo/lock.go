package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"argo/tables/fault"
)

// lockDir makes this process the only gateway on a data folder. The lock ends
// with the process, however it ends.
func lockDir(dir string) (unlock func() error, err error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "the data folder cannot be locked")
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		f.Close()
		return nil, fault.New(fault.Config, "another argo runs on the data folder %s", dir).
			WithHint("ask that one (argo query --server HOST:PORT), stop it, or give this one another data_dir")
	}
	if err != nil {
		f.Close()
		return nil, fault.Wrap(fault.Config, err, "the data folder cannot be locked")
	}
	return f.Close, nil
}
