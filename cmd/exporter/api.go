package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"exporter/internal/cloud"
	"exporter/internal/reports"
)

func (a *app) apiCommand() *cobra.Command {
	var set []string
	var write bool
	c := &cobra.Command{
		Use:   "api [list | OPERATION]",
		Short: "Call one of the cloud's 18 operations by hand",
		Long: `Calls one operation and prints the cloud's answer as received. The project is
the configured one unless --set projectId=... names another. An operation that
writes shows what it would send, is sent only with --write, and is journalled.`,
		Example: `  exporter api list
  exporter api access-auth --set pageSize=5 --set authDateType=-1
  exporter api delete-by-channels --set authId=15 --set authSourceType=2 --set authRelationIds=21,22 --write`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 || args[0] == "list" {
				return a.listOperations()
			}
			return a.callOperation(c.Context(), args[0], set, write)
		},
	}
	c.Flags().StringArrayVar(&set, "set", nil, "a parameter as name=value, lists with commas; may be repeated")
	c.Flags().BoolVar(&write, "write", false, "really send an operation that writes")
	return c
}

func (a *app) listOperations() error {
	t := newGrid("OPERATION", "", "DOES", "PARAMETERS (* REQUIRED)")
	for _, op := range cloud.Operations() {
		writes := ""
		if op.Writes {
			writes = "writes"
		}
		t.add(op.Name, writes, op.Doc, parameterNames(op))
	}
	return a.printGrid(t)
}

func parameterNames(op cloud.Operation) string {
	var names []string
	for _, p := range op.Params {
		name := p.Name
		if p.Required {
			name += "*"
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

func (a *app) callOperation(ctx context.Context, name string, set []string, write bool) error {
	op, ok := cloud.Lookup(name)
	if !ok {
		hint := "see: exporter api list"
		var names []string
		for _, o := range cloud.Operations() {
			names = append(names, o.Name)
		}
		if near := reports.Nearest(name, names); near != "" {
			hint = fmt.Sprintf("did you mean %q? See: exporter api list", near)
		}
		return usage(fmt.Errorf("unknown operation %q", name), hint)
	}
	cfg, err := a.loadConfig(true)
	if err != nil {
		return err
	}
	params, err := parseParams(op, set)
	if err != nil {
		return err
	}
	if params["projectId"] == nil {
		params["projectId"] = cfg.Cloud.Projects[0]
	}
	client, err := a.newClient(cfg, nil)
	if err != nil {
		return err
	}
	if !op.Writes {
		response, err := client.Reader().Call(ctx, name, params)
		if err != nil {
			return fmt.Errorf("api: %w", err)
		}
		return a.printBody(response)
	}
	return a.callWriting(ctx, cfg, client, op, params, write)
}

// callWriting shows what a writing operation sends and, where the person said
// so, sends it between two journal entries: what was asked stands there even
// if the answer never comes.
func (a *app) callWriting(ctx context.Context, cfg *config, client *cloud.Client, op cloud.Operation, params map[string]any, write bool) error {
	body, err := json.MarshalIndent(params, "", "  ")
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "%s %s%s\n%s\n", op.Method, cfg.Cloud.URL, op.Path, body)
	if !write {
		return usage(fmt.Errorf("api: %s changes permissions in the cloud and was not sent", op.Name), "send it with --write")
	}
	st, err := openStore(cfg)
	if err != nil {
		return err
	}
	if err := st.Create(); err != nil { // for the journal
		return explainDisk(err)
	}
	log := cfg.journal(a.now)
	entry := map[string]any{"operation": op.Name, "params": params, "program_version": version}
	if _, err := log.Append("write-asked", entry); err != nil {
		return fmt.Errorf("api: not sent: %w", err)
	}
	response, err := client.Call(ctx, op.Name, params)
	answer := map[string]any{"operation": op.Name}
	var refused *cloud.Error
	switch {
	case errors.As(err, &refused):
		answer["code"], answer["error"], answer["tid"] = refused.Code, err.Error(), refused.TraceID
	case err != nil:
		answer["error"] = err.Error()
	default:
		answer["tid"], answer["t"], answer["result"] = response.TID, response.T, response.Result()
	}
	if _, logErr := log.Append("write-answered", answer); logErr != nil || err != nil {
		return fmt.Errorf("api: %w", errors.Join(err, logErr))
	}
	return a.printBody(response)
}

func (a *app) printBody(r *cloud.Response) error {
	_, err := fmt.Fprintf(a.stdout, "%s\n", strings.TrimRight(string(r.Body), "\n"))
	return err
}

// parseParams reads --set flags as op's parameters are typed.
func parseParams(op cloud.Operation, set []string) (map[string]any, error) {
	params := map[string]any{}
	for _, s := range set {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return nil, usage(fmt.Errorf("--set %q is not name=value", s), "parameters of "+op.Name+": "+parameterNames(op))
		}
		var typ string
		for _, p := range op.Params {
			if p.Name == name {
				typ = p.Type
			}
		}
		switch typ {
		case "":
			return nil, usage(fmt.Errorf("%s has no parameter %q", op.Name, name), "parameters: "+parameterNames(op))
		case "String[]":
			params[name] = strings.FieldsFunc(value, func(r rune) bool { return r == ',' })
		case "Integer", "Long":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return nil, usage(fmt.Errorf("parameter %s: %q is not a whole number", name, value), "times are milliseconds since 1970")
			}
			params[name] = n
		default:
			params[name] = value
		}
	}
	return params, nil
}
