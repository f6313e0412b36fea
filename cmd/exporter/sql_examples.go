package main

import (
	_ "embed" // examples.sql
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// examplesSQL is twenty questions with their SQL, from simple to history. Each
// begins with a comment: its number, the question, and where it takes parameters
// the command line for it.
//
//go:embed examples.sql
var examplesSQL string

// exampleHead matches the first line of an example.
var exampleHead = regexp.MustCompile(`(?m)^-- (\d+)\. (.*)$`)

// An example is a question that people ask. Text is all of it as SQL.
type example struct {
	number, question, text string
}

func examples() []example {
	var all []example
	heads := exampleHead.FindAllStringSubmatchIndex(examplesSQL, -1)
	for i, h := range heads {
		end := len(examplesSQL)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		all = append(all, example{examplesSQL[h[2]:h[3]], examplesSQL[h[4]:h[5]], strings.TrimSpace(examplesSQL[h[0]:end]) + "\n"})
	}
	return all
}

// addExamples gives the command sql the flag --examples, which needs no store.
func (a *app) addExamples(c *cobra.Command) {
	wanted := c.Flags().Bool("examples", false, "print twenty questions with their SQL, or those with the number or word that follows, and run nothing")
	query := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if !*wanted {
			return query(c, args)
		}
		if c.Flags().Changed("schema") {
			return usage(errors.New("sql: --schema and --examples together"), "give one of them")
		}
		return a.printExamples(strings.Join(args, " "))
	}
}

// examplesOf are the example of a number, or those that have a word which begins so; all
// for "".
func examplesOf(word string) []example {
	all := examples()
	if i := slices.IndexFunc(all, func(e example) bool { return e.number == word }); i >= 0 {
		return all[i : i+1]
	}
	begins := regexp.MustCompile(`(?i)(^|[^\pL\pN])` + regexp.QuoteMeta(word))
	return slices.DeleteFunc(all, func(e example) bool { return !begins.MatchString(e.text) })
}

// printExamples prints those that examplesOf finds.
func (a *app) printExamples(word string) error {
	all := examplesOf(word)
	if len(all) == 0 {
		return usage(fmt.Errorf("sql: no example has %.200q", word), "all of them: exporter sql --examples")
	}
	for i, e := range all {
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		if _, err := fmt.Fprint(a.stdout, e.text); err != nil {
			return err
		}
	}
	return nil
}
