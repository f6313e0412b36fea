package reports

import (
	"embed"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/goccy/go-yaml"
)

// The reports that come with the program, one a file, in the order of the
// files' names.
//
//go:embed catalogue/*.yaml
var catalogue embed.FS

// Builtin returns the definitions that come with the program. Every call returns
// the same ones: the caller must not change what they hold.
func Builtin() []Definition { return slices.Clone(builtin()) }

var builtin = sync.OnceValue(readCatalogue)

func readCatalogue() []Definition {
	entries, err := catalogue.ReadDir("catalogue")
	if err != nil {
		panic(err) // it is embedded
	}
	definitions := make([]Definition, len(entries))
	for i, e := range entries {
		text, err := catalogue.ReadFile("catalogue/" + e.Name())
		if err != nil {
			panic(err)
		}
		if err := yaml.UnmarshalWithOptions(text, &definitions[i], yaml.Strict()); err != nil {
			panic(fmt.Sprintf("the built-in report %s: %v", e.Name(), err)) // a test decodes it
		}
	}
	return definitions
}

// Merge returns the built-in definitions with the own ones laid over them. An
// own definition with a built-in's name replaces the keys that it gives, and
// in parameters the values that it gives; [Validate] refuses one that the
// built-in does not declare. The others follow in their order. from has for
// each the index of its own definition, -1 where there is none. Neither
// argument is changed.
func Merge(builtin, own []Definition) (merged []Definition, from []int) {
	merged = slices.Clone(builtin)
	at := map[string]int{}
	for i, d := range merged {
		at[d.Name] = i
		from = append(from, -1)
	}
	for o, d := range own {
		if i, ok := at[d.Name]; ok {
			merged[i], from[i] = merged[i].overlay(d), o
			delete(at, d.Name)
			continue
		}
		merged, from = append(merged, d), append(from, o)
	}
	return merged, from
}

// overlay returns d with every field that o gives.
func (d Definition) overlay(o Definition) Definition {
	text := func(to *string, from string) {
		if from != "" {
			*to = from
		}
	}
	text(&d.ID, o.ID)
	text(&d.Title, o.Title)
	text(&d.Question, o.Question)
	text(&d.Summary, o.Summary)
	text(&d.Answer, o.Answer)
	text(&d.WhatToDo, o.WhatToDo)
	text(&d.WhatToDoInPart, o.WhatToDoInPart)
	text(&d.Subject, o.Subject)
	text(&d.Since, o.Since)
	text(&d.Only, o.Only)
	text(&d.Mask, o.Mask)
	list(&d.Controls, o.Controls)
	list(&d.Resources, o.Resources)
	list(&d.Figures, o.Figures)
	list(&d.Sections, o.Sections)
	list(&d.NotCovered, o.NotCovered)
	list(&d.Formats, o.Formats)
	if o.Chart != nil {
		d.Chart = o.Chart
	}
	if o.Matrix != nil {
		d.Matrix = o.Matrix
	}
	if o.PDFRows != nil {
		d.PDFRows = o.PDFRows
	}
	if len(o.Parameters) > 0 {
		parameters := maps.Clone(d.Parameters)
		if parameters == nil {
			parameters = map[string]Parameter{}
		}
		for name, p := range o.Parameters {
			if p.Type == "" {
				p.Type = parameters[name].Type
			}
			if p.Min == nil {
				p.Min = parameters[name].Min
			}
			if p.Max == nil {
				p.Max = parameters[name].Max
			}
			if p.Meaning == "" {
				p.Meaning = parameters[name].Meaning
			}
			parameters[name] = p
		}
		d.Parameters = parameters
	}
	return d
}

func list[T any](to *[]T, from []T) {
	if from != nil {
		*to = from
	}
}
