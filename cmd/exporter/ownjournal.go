package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"

	"exporter/internal/journal"
)

// ownJournal is the journal as this program writes it: where another version wrote
// last, its first entry is one of kind "program".
type ownJournal struct {
	*journal.Journal
	once sync.Once
	err  error // of the entry "program"
}

func (cfg *config) journal(now func() time.Time) *ownJournal {
	return &ownJournal{Journal: journal.Open(cfg.journalPath(), now)}
}

// Append adds a line as [journal.Journal.Append] does.
func (j *ownJournal) Append(kind string, detail any) (journal.Head, error) {
	j.once.Do(func() {
		var last string
		if last, j.err = lastVersion(j.Path()); j.err == nil && last != "" && last != version {
			_, j.err = j.Journal.Append("program", programEntry{Version: version, Previous: last})
		}
	})
	if j.err != nil {
		return journal.Head{}, j.err
	}
	return j.Journal.Append(kind, detail)
}

// programEntry is the detail of kind "program": from here on another version of this
// program writes the journal.
type programEntry struct {
	Version  string `json:"version"`
	Previous string `json:"previous"`
}

// lastVersion is the version that wrote the last line of a journal: by its newest
// entry of kind "program"; where there is none, by the newest that names a version;
// "" where none does.
func lastVersion(path string) (string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for _, sign := range []string{`"kind":"program"`, `"program_version":"`} {
		for end := len(text); end > 0; {
			at := bytes.LastIndex(text[:end], []byte(sign))
			if at < 0 {
				break
			}
			end = bytes.LastIndexByte(text[:at], '\n') + 1
			line, _, _ := bytes.Cut(text[end:], []byte("\n"))
			var e journal.Entry
			if json.Unmarshal(line, &e) != nil {
				continue // torn
			}
			said, ok := detailOf[struct {
				Version        string `json:"version"`
				ProgramVersion string `json:"program_version"`
			}](e)
			switch {
			case !ok:
			case e.Kind == "program":
				return said.Version, nil
			case said.ProgramVersion != "":
				return said.ProgramVersion, nil
			}
		}
	}
	return "", nil
}
