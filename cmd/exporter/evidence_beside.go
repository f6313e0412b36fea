package main

import (
	"context"
	"io"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// sideBySide does something with each of a list, as many at once as there are cores,
// and not more than most. It begins none after the first error, which it returns, nor
// after the end of ctx, whose cause it returns.
func sideBySide[T any](ctx context.Context, most int, list []T, do func(context.Context, T) error) error {
	group, running := errgroup.WithContext(ctx)
	group.SetLimit(min(runtime.GOMAXPROCS(0), most))
	for _, x := range list {
		group.Go(func() error {
			if running.Err() != nil {
				return context.Cause(running)
			}
			return do(running, x)
		})
	}
	err := group.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// readWhile reads r until ctx ends, whose cause it returns then.
func readWhile(ctx context.Context, r io.Reader) io.Reader {
	return readerFunc(func(b []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return r.Read(b)
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }
