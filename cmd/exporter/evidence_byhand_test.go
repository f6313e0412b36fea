package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"

	"exporter/internal/evidence"
	"exporter/internal/evidence/evidencetest"
)

// startStamps is `stamps`: it runs a time-stamping server until the script ends, at
// $STAMPS_URL, and writes its root certificate into stamps/root.pem.
func startStamps(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: stamps")
	}
	ts.Check(os.Mkdir(ts.MkAbs("stamps"), 0o700))
	tsa, err := evidencetest.StartTSA(ts.MkAbs("stamps"), "Example")
	ts.Check(err)
	ts.Defer(tsa.Close)
	ts.Setenv("STAMPS_URL", tsa.URL)
}

// verifyByHand is `byhand COMMANDS BUNDLE`: it runs the commands in the bundle's
// VERIFY.txt, so many, with the tools that Debian has and without this program. With
// ! one at least must not give its good answer.
func verifyByHand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] byhand COMMANDS BUNDLE")
	}
	bin, err := os.MkdirTemp("", "tools")
	ts.Check(err)
	ts.Defer(func() { ts.Check(os.RemoveAll(bin)) })
	ts.Check(evidencetest.LinkTools(bin, evidencetest.Linux...))
	steps := evidence.Steps(ts.ReadFile(filepath.Join(args[1], "VERIFY.txt")))
	ran, err := evidencetest.Follow(context.Background(), ts.MkAbs(args[1]), bin, steps)
	if (err != nil) != neg {
		ts.Fatalf("%d commands ran: %v", ran, err)
	}
	if fmt.Sprint(ran) != args[0] {
		ts.Fatalf("%d commands ran, want %s", ran, args[0])
	}
}
