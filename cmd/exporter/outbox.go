package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"exporter/internal/deliver"
)

func (a *app) outboxCommand() *cobra.Command {
	var format string
	var all bool
	c := &cobra.Command{
		Use:   "outbox",
		Short: "List the mails that wait or were refused, try them again, or drop them",
		Long: `Mails wait in the outbox until the server has them. What it refuses for good, or
what could not be delivered for as long as mail.give_up says, stays there until
it is tried again or dropped by hand. A mail is called RUN/NUMBER; RUN alone is
all mails of a run.`,
		Example: `  exporter outbox
  exporter outbox retry --all
  exporter outbox drop 20260331T070000Z-expiring-permissions/0002`,
		RunE: func(*cobra.Command, []string) error { return a.listOutbox("table") },
	}
	list := &cobra.Command{
		Use:     "list",
		Short:   "List the mails in the outbox",
		Example: "  exporter outbox list --format json",
		RunE:    func(*cobra.Command, []string) error { return a.listOutbox(format) },
	}
	addFormat(list, &format, "table", "json")
	retry := &cobra.Command{
		Use:     "retry [MAIL...]",
		Short:   "Try mails again now, refused ones too",
		Example: "  exporter outbox retry --all",
		RunE: func(c *cobra.Command, args []string) error {
			return a.changeOutbox(c.Context(), "retry", args, all)
		},
	}
	drop := &cobra.Command{
		Use:     "drop [MAIL...]",
		Short:   "Remove mails without sending them",
		Example: "  exporter outbox drop 20260331T070000Z-expiring-permissions/0002",
		RunE: func(c *cobra.Command, args []string) error {
			return a.changeOutbox(c.Context(), "drop", args, all)
		},
	}
	for _, child := range []*cobra.Command{retry, drop} {
		child.Args = cobra.ArbitraryArgs
		child.Flags().BoolVar(&all, "all", false, "all mails in the outbox")
	}
	c.AddCommand(list, retry, drop)
	return c
}

// listOutbox prints the mails in the outbox, and errs where one cannot be read.
func (a *app) listOutbox(format string) error {
	if format != "table" && format != "json" {
		return unknownFormat(format, "table", "json")
	}
	cfg, err := a.loadConfig(false)
	if err != nil {
		return err
	}
	o := a.newOutbox(cfg)
	entries, damaged := o.List()
	if damaged != nil {
		damaged = &hintError{damaged, "look at their files in " + o.Dir + ", and remove them when they are of no use"}
	}
	if format == "json" {
		return errors.Join(damaged, a.printEntries(entries))
	}
	if len(entries) == 0 {
		if damaged == nil {
			fmt.Fprintln(a.stderr, "no mail waits")
		}
		return damaged
	}
	g := newGrid("MAIL", "TO", "STATE", "TRIED", "NEXT", "LAST ANSWER")
	g.right = []int{3}
	for _, e := range entries {
		next := ""
		if e.State == deliver.Waiting {
			next = e.Next.In(a.zone).Format("2006-01-02 15:04")
		}
		g.add(e.Name(), e.To, e.State, fmt.Sprint(e.Attempts), next, e.LastAnswer)
	}
	return errors.Join(a.printGrid(g), damaged)
}

// printEntries prints entries as JSON: a list of objects.
func (a *app) printEntries(entries []deliver.Entry) error {
	type named struct {
		Mail string `json:"mail"`
		deliver.Entry
	}
	all := make([]named, len(entries))
	for i, e := range entries {
		all[i] = named{e.Name(), e}
	}
	out := json.NewEncoder(a.stdout)
	out.SetIndent("", "  ")
	return out.Encode(all)
}

// patience is how long a command waits for another that is sending.
const patience = 20 * time.Second

// changeOutbox tries mails again or drops them. The journal knows of it first.
func (a *app) changeOutbox(ctx context.Context, action string, names []string, all bool) error {
	if (len(names) == 0) == !all {
		return usage(fmt.Errorf("outbox %s: name mails, or give --all", action), "their names: exporter outbox list")
	}
	cfg, err := a.loadConfig(false)
	if err != nil {
		return err
	}
	o := a.newOutbox(cfg)
	entries, unread := o.List()
	if all {
		for _, e := range entries {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		if unread == nil {
			fmt.Fprintln(a.stderr, "no mail waits")
		}
		return explainOutbox(ctx, unread)
	}
	change := o.Drop
	if action == "retry" {
		change = o.Retry
		if _, err := cfg.Mail.mailServer(); err != nil {
			return err
		}
	}
	n := int64(0)
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = change(patient, names, func(e deliver.Entry) error {
		n++
		_, err := cfg.journal(a.now).Append("outbox", map[string]any{
			"action": action, "mail": e.Name(), "message_id": e.MessageID,
			"report": e.Report, "slot": e.Slot, "to": e.To, "sha256": e.SHA256,
		})
		return err
	})
	if err != nil {
		return explainOutbox(ctx, err)
	}
	if action == "drop" {
		fmt.Fprintf(a.stderr, "dropped %s\n", plural(n, "mail"))
		return nil
	}
	return a.sendNow(ctx, cfg)
}

// sendNow tries what is due in the outbox and tells what came of it.
func (a *app) sendNow(ctx context.Context, cfg *config) error {
	s, err := a.sendOutbox(ctx, cfg, a.newOutbox(cfg))
	fmt.Fprintln(a.stderr, s)
	if err == nil && s.waiting+s.refused > 0 {
		err = &exitError{exitPart, errors.New("not all mails were delivered")}
	}
	return err
}

// explainOutbox adds what a person can do to an error of the outbox.
func explainOutbox(ctx context.Context, err error) error {
	if _, busy := errors.AsType[*deliver.Busy](err); busy && ctx.Err() == nil {
		return &hintError{err, "it is sending; try again when it is done"}
	}
	return explainDisk(err)
}

// String says what came of the mails: 3 mails delivered, 1 waits, 1 refused.
func (s sent) String() string {
	text := plural(int64(s.accepted), "mail") + " delivered"
	if s.waiting > 0 {
		text += fmt.Sprintf(", %d waiting for the next attempt", s.waiting)
	}
	if s.refused > 0 {
		text += fmt.Sprintf(", %d refused (see: exporter outbox)", s.refused)
	}
	return text
}
