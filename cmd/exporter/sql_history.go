package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// statements are those of this and of earlier prompts, oldest first. Its
// file has one as a JSON string a line; it is for its owner alone, since
// statements may name people.
type statements struct {
	path string // "" keeps it in memory
	list []string
}

// historyLimit is how many statements the file keeps.
const historyLimit = 1000

// historyPath is where the account's history is kept, "" where that is unknown.
func historyPath() string {
	state := os.Getenv("XDG_STATE_HOME")
	if home, err := os.UserHomeDir(); !filepath.IsAbs(state) && err == nil {
		state = filepath.Join(home, ".local", "state")
	}
	if !filepath.IsAbs(state) {
		return ""
	}
	return filepath.Join(state, "exporter", "history")
}

// openHistory reads the file, and shortens it to its limit. It returns a history
// that works together with an error.
func openHistory(path string) (*statements, error) {
	h := &statements{path: path}
	if path == "" {
		return h, nil
	}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return h, fmt.Errorf("history: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		var s string
		if json.Unmarshal([]byte(line), &s) == nil {
			h.list = append(h.list, s)
		}
	}
	if len(h.list) <= historyLimit {
		return h, nil
	}
	h.list = slices.Clone(h.list[len(h.list)-historyLimit:])
	if err := h.rewrite(); err != nil {
		return h, fmt.Errorf("history: %w", err)
	}
	return h, nil
}

func (h *statements) len() int { return len(h.list) }

// add appends a statement, unless it is the last one again or begins with a space.
func (h *statements) add(s string) error {
	if strings.TrimSpace(s) == "" || s[0] == ' ' || h.len() > 0 && h.list[h.len()-1] == s {
		return nil
	}
	h.list = append(h.list, s)
	if h.path == "" {
		return nil
	}
	err := os.MkdirAll(filepath.Dir(h.path), 0o700)
	if err == nil {
		err = appendLine(h.path, s)
	}
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	return nil
}

func appendLine(path, s string) error {
	line, err := json.Marshal(s)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}

func (h *statements) rewrite() error {
	f, err := os.CreateTemp(filepath.Dir(h.path), ".history-")
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	lines := json.NewEncoder(w)
	for _, s := range h.list {
		err = cmp.Or(err, lines.Encode(s))
	}
	if err = cmp.Or(err, errors.Join(w.Flush(), f.Close())); err == nil {
		err = os.Rename(f.Name(), h.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
