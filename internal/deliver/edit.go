package deliver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// Retry makes mails due now, for as long as new ones. Names are those of mails
// or of runs. tell is called with each before it is changed. It waits for another
// process that is sending, until ctx ends: it then returns a [Busy]. A name that
// nothing has is an error, and nothing is changed.
func (o *Outbox) Retry(ctx context.Context, names []string, tell func(Entry) error) error {
	return o.edit(ctx, names, true, func(e Entry) error {
		if err := tell(e); err != nil {
			return err
		}
		now := o.Now().UTC()
		e.State, e.Attempts, e.Reached, e.Told = Waiting, 0, 0, false
		e.Next, e.Deadline = now, now.Add(o.GiveUp)
		if err := o.write(e); err != nil {
			return err
		}
		if err := os.Remove(o.serverFile()); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// Drop removes mails without sending them. It is otherwise like [Outbox.Retry].
func (o *Outbox) Drop(ctx context.Context, names []string, tell func(Entry) error) error {
	return o.edit(ctx, names, true, func(e Entry) error {
		if err := tell(e); err != nil {
			return err
		}
		return o.remove(e)
	})
}

// MarkTold notes that the operator knows of refused mails. It passes over those that
// are gone, or are tried again.
func (o *Outbox) MarkTold(ctx context.Context, names []string) error {
	return o.edit(ctx, names, false, func(e Entry) error {
		if e.State != Refused {
			return nil
		}
		e.Told = true
		return o.write(e)
	})
}

// edit calls f with each mail that names holds. Where all of them must be there and
// one is not it errs before the first.
func (o *Outbox) edit(ctx context.Context, names []string, must bool, f func(Entry) error) (err error) {
	release, err := o.lock(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	all, _, err := o.entries()
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(e Entry) bool { return e.accepted })
	for _, name := range names {
		if must && !slices.ContainsFunc(all, func(e Entry) bool { return e.Name() == name || e.Run == name }) {
			return fmt.Errorf("outbox: there is no %q", clip(name))
		}
	}
	for _, e := range all {
		if !slices.Contains(names, e.Name()) && !slices.Contains(names, e.Run) {
			continue
		}
		if err := f(e); err != nil {
			return fmt.Errorf("outbox: %s: %w", e.Name(), err)
		}
	}
	return nil
}
