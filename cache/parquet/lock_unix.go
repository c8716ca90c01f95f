//go:build !windows

package parquet

import (
	"os"
	"syscall"
)

// errLocked: another process holds the file.
const errLocked = syscall.EWOULDBLOCK

// lock takes the file for this process without waiting; closing the file, or
// the death of the process, gives it up.
func lock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
