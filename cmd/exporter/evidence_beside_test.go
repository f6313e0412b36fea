package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"sync/atomic"
	"testing"
)

// What is done side by side ends at the first error and when it is cancelled, and says
// which.
func TestEvidenceSideBySide(t *testing.T) {
	t.Parallel()
	list := make([]int, 1000)
	for i := range list {
		list[i] = i
	}
	var sum atomic.Int64
	if err := sideBySide(t.Context(), 4, list, func(_ context.Context, i int) error { sum.Add(int64(i)); return nil }); err != nil || sum.Load() != 499500 {
		t.Errorf("all: %v, %d", err, sum.Load())
	}
	broken := errors.New("broken")
	var began atomic.Int64
	err := sideBySide(t.Context(), 4, list, func(ctx context.Context, i int) error {
		began.Add(1)
		if i == 0 {
			return broken
		}
		<-ctx.Done() // who fails ends the others
		return context.Cause(ctx)
	})
	if !errors.Is(err, broken) || began.Load() > int64(min(4, runtime.GOMAXPROCS(0))) {
		t.Errorf("after an error: %v, %d began", err, began.Load())
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	began.Store(0)
	err = sideBySide(ctx, 1, list, func(context.Context, int) error {
		began.Add(1)
		cancel(gone)
		return nil
	})
	if !errors.Is(err, gone) || began.Load() != 1 {
		t.Errorf("cancelled: %v, %d began", err, began.Load())
	}
	if n, err := io.Copy(io.Discard, readWhile(ctx, bytes.NewReader(make([]byte, 1<<20)))); n > 0 || !errors.Is(err, gone) {
		t.Errorf("read %d bytes, %v", n, err)
	}
}
