package main

import (
	"context"
	"fmt"

	"exporter/internal/collect"
)

// forecast prints what a collection would cost.
func (a *app) forecast(ctx context.Context, cfg *config) error {
	st, err := openStore(cfg)
	if err != nil {
		return err
	}
	client, err := a.newClient(cfg, nil)
	if err != nil {
		return err
	}
	f, err := collect.New(st, cfg.collectOptions(a)).Forecast(ctx, client.Reader())
	if err != nil {
		return fmt.Errorf("forecast: %w", err)
	}
	t := newGrid("RESOURCE", "REQUESTS", "BASIS")
	for _, l := range f.Lines {
		name := l.Resource
		if len(cfg.Cloud.Projects) > 1 {
			name = l.Project + " " + name
		}
		t.add(name, count(l.Requests), l.Basis)
	}
	t.right = []int{1}
	if err := a.printGrid(t); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "\nabout %s requests, %s at %g a second; this forecast made %d\n",
		count(f.Requests), duration(f.Time(cfg.Cloud.Rate)), cfg.Cloud.Rate, f.Took)
	if f.Left > 0 {
		fmt.Fprintf(a.stdout, "what is left of the budget is not enough: about %s go to later runs\n", count(f.Left))
	}
	return nil
}
