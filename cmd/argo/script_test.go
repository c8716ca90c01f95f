package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary be argo itself: scripts and the crash test run
// the program that the package builds, never an older bin/argo.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"argo": main})
}

// TestScripts runs testdata/script/*.txtar: the real program, as a person
// types it.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			e.Setenv("ADDR", l.Addr().String())
			e.Setenv("ARGO_SERVER", l.Addr().String())
			e.Setenv("HOME", e.WorkDir)
			second, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			e.Setenv("ADDR2", second.Addr().String())
			return errors.Join(l.Close(), second.Close())
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			// accepts ADDR: waits until something listens there.
			"accepts": func(ts *testscript.TestScript, neg bool, args []string) {
				deadline := time.Now().Add(30 * time.Second)
				for {
					c, err := net.DialTimeout("tcp", args[0], time.Second)
					if err == nil {
						c.Close()
						return
					}
					if time.Now().After(deadline) {
						ts.Fatalf("nothing accepts on %s: %v", args[0], err)
					}
					<-time.After(20 * time.Millisecond)
				}
			},
			// mode FILE PERM: the file has these permissions.
			"mode": func(ts *testscript.TestScript, neg bool, args []string) {
				i, err := os.Stat(ts.MkAbs(args[0]))
				ts.Check(err)
				if got := fmt.Sprintf("%o", i.Mode().Perm()); got != args[1] {
					ts.Fatalf("%s has mode %s, want %s", args[0], got, args[1])
				}
			},
		},
	})
}
