package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"argo/tables/fault"
)

// Locks end with the process that holds them, however it ends. They keep
// processes on one data folder apart where they have to be: while the folder is
// set up, and in what is one process's own.

// errTaken says that another process holds a lock.
var errTaken = errors.New("another process holds the lock")

// tryLock takes a file for this process, which it makes where there is none.
func tryLock(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errTaken
		}
		return nil, err
	}
	return f.Close, nil
}

// lockSetup waits until no other process sets the data folder up: makes its
// certificate, its state file, clears what dead ones left.
func lockSetup(ctx context.Context, dir string) (unlock func() error, err error) {
	for {
		unlock, err := tryLock(filepath.Join(dir, "lock"))
		if err == nil {
			return unlock, nil
		}
		if !errors.Is(err, errTaken) {
			return nil, fault.Wrap(fault.Config, err, "the data folder cannot be locked")
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// taken says whether the process lives that a folder of ownDir is for.
func taken(dir string) bool {
	if _, err := os.Stat(dir); err != nil {
		return false
	}
	unlock, err := tryLock(filepath.Join(dir, "lock"))
	if err == nil {
		_ = unlock()
	}
	return errors.Is(err, errTaken)
}

// ownDir makes a folder in parent that is this process's alone, and removes
// those of processes that are gone. The caller holds lockSetup.
func ownDir(parent string) (dir string, done func() error, err error) {
	old, err := os.ReadDir(parent)
	if err != nil {
		return "", nil, err
	}
	for _, e := range old {
		path := filepath.Join(parent, e.Name())
		if e.IsDir() {
			unlock, err := tryLock(filepath.Join(path, "lock"))
			if err != nil {
				continue // its process lives
			}
			_ = unlock()
		}
		_ = os.RemoveAll(path) // what stays is tried again by the next
	}
	if dir, err = os.MkdirTemp(parent, ""); err != nil {
		return "", nil, err
	}
	unlock, err := tryLock(filepath.Join(dir, "lock"))
	if err != nil {
		return "", nil, err
	}
	return dir, func() error { return errors.Join(os.RemoveAll(dir), unlock()) }, nil
}

// alone says that the folder of ownDir is the only one whose process lives.
func alone(own string) bool {
	all, err := os.ReadDir(filepath.Dir(own))
	if err != nil {
		return false
	}
	for _, e := range all {
		if path := filepath.Join(filepath.Dir(own), e.Name()); path != own && taken(path) {
			return false
		}
	}
	return true
}
