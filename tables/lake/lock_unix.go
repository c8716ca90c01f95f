//go:build !windows

package lake

import (
	"os"
	"syscall"
)

// share and own lock a file against other processes, as readers and alone; they
// do not wait. Closing the file, or the death of the process, ends it.
func share(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) }
func own(f *os.File) error   { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
