package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"exporter/internal/reports"
	"exporter/internal/store"
)

// addMask adds --mask; given is its default, "" where the reports say it.
func (f *readFlags) addMask(c *cobra.Command, a *app, given, meaning string) {
	c.Flags().StringVar(&f.mask, "mask", given, strings.Join(store.Masks, ", ")+": "+meaning)
	// An empty one (--mask "$UNSET") would show everything.
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if c.Flags().Changed("mask") {
			return checkMask(f.mask)
		}
		return nil
	}
	f.masking = a.sayMasking
}

// sayMasking tells who waits at a terminal what for.
func (a *app) sayMasking(snapshot string) {
	if _, live := terminalWidth(a.stderr); live {
		fmt.Fprintln(a.stderr, wrapped(a.stderr, "making the masked copy of snapshot "+snapshot+", which then stays"))
	}
}

func checkMask(mask string) error {
	if !slices.Contains(store.Masks, mask) {
		return usage(fmt.Errorf("unknown mask %q", mask), "use "+strings.Join(store.Masks, ", "))
	}
	return nil
}

// maskOf is the mask that a report is made with.
func (f *reportFlags) maskOf(d reports.Definition) string {
	return cmp.Or(f.mask, d.Mask, store.MaskFull)
}

// reportState is what reports of one mask read: the snapshot, and the earlier one
// that changes are told since, nil where there is none.
type reportState struct{ r, base *store.Reader }

type reportStates map[string]reportState

// openStates opens one snapshot in every mask that a chosen report is made with.
func (f *reportFlags) openStates(ctx context.Context, cfg *config, chosen []reports.Definition) (_ reportStates, err error) {
	states := reportStates{}
	defer func() {
		if err != nil {
			err = errors.Join(err, states.close())
		}
	}()
	read := f.readFlags
	for _, d := range chosen {
		read.mask = f.maskOf(d)
		if _, ok := states[read.mask]; ok {
			continue
		}
		r, err := read.open(ctx, cfg)
		if err != nil {
			return nil, err
		}
		states[read.mask] = reportState{r: r}
		// A collection may publish another meanwhile.
		read.snapshot = r.Snapshot()
		if f.since == "" && !comparing(chosen) {
			continue
		}
		base, err := openBase(ctx, r, f.since, cfg.zone)
		if err != nil {
			return nil, err
		}
		states[read.mask] = reportState{r, base}
	}
	return states, nil
}

func (s reportStates) close() error {
	var err error
	for _, x := range s {
		err = errors.Join(err, x.r.Close())
		if x.base != nil {
			err = errors.Join(err, x.base.Close())
		}
	}
	return err
}
