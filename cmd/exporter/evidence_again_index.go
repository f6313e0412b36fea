package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"exporter/internal/store"
)

// readJournal reads the bundle's journal, and compares with it what is said of it.
func (x *again) readJournal() error {
	f, err := x.files.Open("journal.ndjson")
	if err != nil {
		return err
	}
	x.seen["journal.ndjson"] = true
	j, err := parseBundleJournal(f)
	if err := f.Close(); err != nil {
		return err
	}
	if err != nil {
		x.differs("journal.ndjson", "cannot be read: %v", err)
		return nil
	}
	x.log = j
	if want := j.sealed(x.from.Snapshot, x.from.Project); !reflect.DeepEqual(x.from.Sealed, want) {
		x.differs("made_from.json", "sealed is not the journal's line of the snapshot")
	}
	for name, sum := range x.sums {
		of, ok := strings.CutPrefix(name, "witness/")
		if !ok {
			continue
		}
		x.watched, x.seen[name] = true, true
		if !j.witnessed(strings.TrimSuffix(of, ".txt"), sum) {
			x.differs(name, "no line of the journal has its SHA-256")
		}
	}
	return nil
}

// ledgers makes those of the journal, of the raw pages and of the calls again.
func (x *again) ledgers(ctx context.Context) error {
	for _, l := range journalLedgers {
		name := "ledger/" + l.name + ".csv"
		err := x.sameAs(name, func(w io.Writer) (err error) {
			x.rows[name], err = x.log.ledger(w, l.kinds, x.period, nil)
			return err
		})
		if err != nil {
			return err
		}
	}
	st, err := store.OpenToRead(x.at())
	if err != nil {
		return err
	}
	if err := x.rawPages(ctx, st); err != nil {
		x.differs(rawLedger, "cannot be made again: %v", err)
		return nil
	}
	err = x.sameAs(callsLedger, func(w io.Writer) error { return x.writeCalls(ctx, st, x.raw, nil, w) })
	if err != nil {
		x.differs(callsLedger, "cannot be made again: %v", err)
	}
	return nil
}

// rawPages lists the raw pages again, of which the bundle may have no others.
func (x *again) rawPages(ctx context.Context, st *store.Store) (err error) {
	p := x.period
	if x.raw, err = st.RawFiles(ctx, p.start(), p.end(), x.from.Snapshot, x.from.Project); err != nil {
		return err
	}
	if err := x.readOriginals(); err != nil {
		return err
	}
	for _, f := range x.raw {
		if f.There {
			x.seen["raw/"+f.Path] = true
		}
	}
	x.differsInfo("Raw-Pages", rawWords(x.raw))
	return x.sameAs(rawLedger, x.writeRawLedger)
}

// readOriginals finds the hashes of the raw pages before the mask: under one the ledger
// alone has them.
func (x *again) readOriginals() error {
	if x.from.Mask == store.MaskFull {
		for _, f := range x.raw {
			x.originals[f.Path] = x.sums["raw/"+f.Path]
		}
		return nil
	}
	f, err := x.files.Open(rawLedger)
	if err != nil {
		return err
	}
	lines, err := csv.NewReader(f).ReadAll()
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	for _, l := range lines {
		if len(l) == len(rawHeader) {
			x.originals[strings.TrimPrefix(l[0], "data/raw/")] = l[5]
		}
	}
	return nil
}

// index makes the files again that tell what is in the others. Their words are those of
// the program's version; they tell of reports that were made.
func (x *again) index(ctx context.Context, made bool) error {
	x.seen[readmeName], x.seen[schemaName] = true, true
	if !made {
		return nil
	}
	if x.from.ProgramVersion != version {
		x.result.NotMadeAgain = append(x.result.NotMadeAgain,
			fmt.Sprintf("README.txt and schema.json, whose words are of exporter %s", x.from.ProgramVersion))
		return nil
	}
	tables, err := store.Tables(ctx)
	if err != nil {
		return err
	}
	x.sortMade(x.from.Reports)
	for name, write := range map[string]func(w io.Writer) error{
		readmeName: x.readme,
		schemaName: func(w io.Writer) error { return x.writeSchema(w, tables) },
	} {
		if err := x.sameAs(name, write); err != nil {
			return err
		}
	}
	return nil
}
