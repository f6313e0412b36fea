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
	return o.edit(ctx, names, func(e Entry) error {
		now := o.Now().UTC()
		err := tell(e)
		e.State, e.Attempts, e.Told, e.Next, e.Deadline = Waiting, 0, false, now, now.Add(o.GiveUp)
		if err == nil {
			err = o.write(e)
		}
		if err == nil {
			err = os.Remove(o.serverFile())
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

// Drop removes mails without sending them. It is otherwise like [Outbox.Retry].
func (o *Outbox) Drop(ctx context.Context, names []string, tell func(Entry) error) error {
	return o.edit(ctx, names, func(e Entry) error {
		if err := tell(e); err != nil {
			return err
		}
		return o.remove(e)
	})
}

// MarkTold notes that the operator knows of refused mails.
func (o *Outbox) MarkTold(ctx context.Context, names []string) error {
	return o.edit(ctx, names, func(e Entry) error {
		e.Told = true
		return o.write(e)
	})
}

// edit calls f with each mail that names holds.
func (o *Outbox) edit(ctx context.Context, names []string, f func(Entry) error) (err error) {
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
		if !slices.ContainsFunc(all, func(e Entry) bool { return e.Name() == name || e.Run == name }) {
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
