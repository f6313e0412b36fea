package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"exporter/internal/sandbox"
	"exporter/internal/store"
)

// addCompletions has the shell complete the flags of a command and of its children
// whose values can be listed: a name means the same wherever it is a flag.
func (a *app) addCompletions(c *cobra.Command) {
	for name, words := range map[string]func(*cobra.Command) []string{
		"mask":     fixed(store.Masks...),
		"report":   a.reportNames,
		"explain":  a.reportNames,
		"snapshot": a.snapshotIDs,
		"as-of":    a.snapshotIDs,
		"since":    a.snapshotIDs,
		"project":  a.projectIDs,
		"only":     fixed("inputs"),
		"site":     fixed("documented", "demo", "large"),
		"fault":    faultNames,
	} {
		if c.Flags().Lookup(name) != nil {
			complete(c, name, words)
		}
	}
	for _, child := range c.Commands() {
		a.addCompletions(child)
	}
}

// complete has the shell complete the value of a flag by the words that are found
// when it is asked; where the flag takes several, each.
func complete(c *cobra.Command, flag string, words func(*cobra.Command) []string) {
	err := c.RegisterFlagCompletionFunc(flag, func(c *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		before := ""
		if c.Flag(flag).Value.Type() == "stringSlice" {
			before = typed[:strings.LastIndexByte(typed, ',')+1]
		}
		var list []string
		for _, word := range words(c) {
			list = append(list, before+word)
		}
		return list, cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(err) // there is no such flag
	}
}

func fixed(words ...string) func(*cobra.Command) []string {
	return func(*cobra.Command) []string { return words }
}

// addFormat adds --format, whose default is the first of the words.
func addFormat(c *cobra.Command, format *string, words ...string) {
	c.Flags().StringVar(format, "format", words[0], choice(words))
	complete(c, "format", fixed(words...))
}

// choice is "a, b or c".
func choice(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// completeReports completes the arguments of a command that takes reports.
func (a *app) completeReports(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return a.reportNames(c), cobra.ShellCompDirectiveNoFileComp
}

// reportNames are the reports, each with its title beside it as shells show it; none
// where reports.yaml cannot be read.
func (a *app) reportNames(*cobra.Command) []string {
	cfg, err := a.loadConfig(false)
	if err != nil {
		return nil
	}
	var names []string
	for _, d := range cfg.definitions {
		names = append(names, d.Name+"\t"+d.Title)
	}
	return names
}

// snapshotIDs are the snapshots, the newest first; none where the store cannot be
// read.
func (a *app) snapshotIDs(c *cobra.Command) []string {
	cfg, err := a.loadConfig(false)
	if err != nil {
		return nil
	}
	st, err := openStore(cfg)
	if err != nil {
		return nil
	}
	all, _ := st.Snapshots(c.Context()) // of a damaged file nothing is known here
	var ids []string
	for _, s := range slices.Backward(all) {
		if !slices.Contains(ids, s.ID) { // of several projects once
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// projectIDs are the projects of reports.yaml.
func (a *app) projectIDs(*cobra.Command) []string {
	cfg, err := a.loadConfig(false)
	if err != nil {
		return nil
	}
	return cfg.Cloud.Projects
}

func faultNames(*cobra.Command) []string {
	var names []string
	for _, f := range sandbox.Faults() {
		names = append(names, f.Name+"\t"+f.Doc)
	}
	return names
}
