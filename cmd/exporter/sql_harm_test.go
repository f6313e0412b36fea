package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"exporter/internal/journal"
	"exporter/internal/sandbox"
)

// harmSite is a store that queries try to harm: beside it files with a canary, which
// no answer may hold.
type harmSite struct {
	t                 *testing.T
	program           string // as a command of its own
	dir, home, config string
	secrets           map[string][]string // what the answers of a mask may not hold
	before            string              // the digest of all that queries may not change
}

const canary = "canary-4f1b"

func newHarmSite(t *testing.T) *harmSite {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &harmSite{t: t, program: filepath.Join(t.TempDir(), "exporter"), dir: t.TempDir(), home: t.TempDir()}
	if err := os.Symlink(self, s.program); err != nil {
		t.Fatal(err)
	}
	cloud := sandbox.New(sandbox.Options{Site: "documented"})
	srv := httptest.NewServer(cloud)
	t.Cleanup(srv.Close)
	id, secret, project := cloud.Credentials()
	s.config = filepath.Join(s.dir, "reports.yaml")
	files := map[string]string{"beside.csv": "word\n" + canary + "\n", "beside.json": `{"word": "` + canary + `"}`,
		"reports.yaml": fmt.Sprintf("# %s\ncloud: {url: %q, client_id: %q, client_secret: %q, projects: [%q], rate: 2000}\nstore: {dir: data}\n",
			canary, srv.URL, id, secret, project)}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"collect"}, {"sql", "SELECT 1"}, {"sql", "--mask", "pseudonym", "SELECT 1"}} {
		if got := s.run(t.Context(), nil, args...); got.status != 0 {
			t.Fatalf("exporter %v: %d\n%s", args, got.status, got.errors)
		}
	}
	s.secrets = map[string][]string{"standard": s.known("name"), "pseudonym": s.known("name", "person_code", "person_id")}
	if len(s.secrets["pseudonym"]) < 9 {
		t.Fatalf("the site has little to hide: %q", s.secrets)
	}
	s.before = s.digest()
	return s
}

// known are the values of columns of persons and permissions that a mask changes.
func (s *harmSite) known(columns ...string) []string {
	var values []string
	for _, column := range columns {
		got := s.run(s.t.Context(), nil, "sql", "--mask", "full", "--format", "csv",
			fmt.Sprintf("SELECT %[1]s FROM base.persons UNION SELECT %[1]s FROM base.permissions", column))
		rows, err := csv.NewReader(strings.NewReader(got.out)).ReadAll()
		if err != nil || len(rows) < 3 {
			s.t.Fatalf("%s: %v, %+v", column, err, got)
		}
		for _, row := range rows[1:] {
			if len(row[0]) > 4 { // a shorter one may stand anywhere
				values = append(values, row[0])
			}
		}
	}
	return values
}

// ended is what a command left.
type ended struct {
	status      int
	out, errors string
	took        time.Duration
}

// run runs a command as an analyst does, whose environment has a canary too.
func (s *harmSite) run(ctx context.Context, stdin []byte, args ...string) ended {
	s.t.Helper()
	return s.wait(s.command(ctx, stdin, args...))
}

func (s *harmSite) command(ctx context.Context, stdin []byte, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.program, append([]string{"--config", s.config}, args...)...)
	cmd.Dir, cmd.Stdin = s.home, bytes.NewReader(stdin)
	cmd.Env = []string{"HOME=" + s.home, "SECRET=" + canary, "PATH=" + os.Getenv("PATH"), "TZ=UTC"}
	cmd.Stdout, cmd.Stderr = &bytes.Buffer{}, &bytes.Buffer{}
	return cmd
}

func (s *harmSite) wait(cmd *exec.Cmd) ended {
	s.t.Helper()
	began := time.Now()
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		s.t.Fatalf("%v: %v", cmd.Args, err)
	}
	return ended{cmd.ProcessState.ExitCode(), fmt.Sprint(cmd.Stdout), fmt.Sprint(cmd.Stderr), time.Since(began)}
}

// digest is that of every file that queries may not change, with its mode, and of the
// folders that they run in: all but the journal, the texts beside it, and tmp.
func (s *harmSite) digest() string {
	s.t.Helper()
	sum := sha256.New()
	for _, root := range []string{s.dir, s.home} {
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			switch in, _ := filepath.Rel(s.data(), path); {
			case in == "queries" || in == "tmp":
				return fs.SkipDir
			case in == "journal.ndjson":
				return nil
			}
			info, err := e.Info()
			if err != nil || e.IsDir() {
				fmt.Fprintln(sum, path, info.Mode())
				return err
			}
			b, err := os.ReadFile(path)
			fmt.Fprintln(sum, path, info.Mode(), info.ModTime(), sha256.Sum256(b))
			return err
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func (s *harmSite) data() string { return filepath.Join(s.dir, "data") }

// entries are the queries of the journal, of which each has its text.
func (s *harmSite) entries() (list []queryEntry) {
	s.t.Helper()
	_, err := journal.Read(filepath.Join(s.data(), "journal.ndjson"), func(e journal.Entry) error {
		if e.Kind != "query" {
			return nil
		}
		var q queryEntry
		err := json.Unmarshal(e.Detail, &q)
		list = append(list, q)
		if err == nil {
			_, err = os.Stat(filepath.Join(s.data(), q.Text))
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

// left tells what queries left behind: processes, and what they have on the disk.
func (s *harmSite) left() (list []string) {
	s.t.Helper()
	list, err := filepath.Glob(filepath.Join(s.data(), "tmp", "*"))
	if err != nil {
		s.t.Fatal(err)
	}
	processes, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, p := range processes {
		if at, err := os.Readlink(p); err == nil && strings.HasPrefix(at, s.data()) {
			list = append(list, p)
		}
	}
	return list
}

// check finds in what a query left whatever it must not.
func (s *harmSite) check(got ended, mask string) (faults []string) {
	text := got.out + got.errors
	for _, secret := range append([]string{canary, s.dir, s.home, "root:"}, s.secrets[mask]...) {
		if strings.Contains(text, secret) {
			faults = append(faults, fmt.Sprintf("it says %q", secret))
		}
	}
	if left := s.left(); len(left) > 0 {
		faults = append(faults, fmt.Sprintf("it left %q", left))
	}
	if strings.Contains(got.errors, "panic") || strings.Contains(got.errors, "goroutine") {
		faults = append(faults, "it panicked")
	}
	return faults
}

// No query does harm: it ends with the status and the words that it should, and leaves
// the store, the folders and other processes as they were; it has one entry in the
// journal if it ran, else none.
func TestSQLHarm(t *testing.T) {
	t.Parallel()
	sites := []*harmSite{newHarmSite(t)}
	sites = append(sites, sites[0].copy())
	all := waysOut(sites[0])
	if len(all) < 150 {
		t.Fatalf("%d ways out are too few", len(all))
	}
	for part, s := range sites {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			s.t = t
			ask := s.asker()
			for i := part; i < len(all); i += len(sites) {
				s.try(all[i], ask)
			}
			if got := s.run(t.Context(), nil, "sql", "--format", "csv", "SELECT 6 * 7"); !strings.HasSuffix(got.out, "\n42\n") {
				t.Errorf("a query afterwards: %+v", got)
			}
			if s.digest() != s.before {
				t.Error("in the end the store is not as it was")
			}
		})
	}
}

// copy is a site of the same content.
func (s *harmSite) copy() *harmSite {
	s.t.Helper()
	c := *s
	c.dir, c.home = s.t.TempDir(), s.t.TempDir()
	c.config = filepath.Join(c.dir, "reports.yaml")
	if err := os.CopyFS(c.dir, os.DirFS(s.dir)); err != nil {
		s.t.Fatal(err)
	}
	c.before = c.digest()
	return &c
}

// asker asks as the prompt does: this process lives on, and starts one for each query.
func (s *harmSite) asker() *asker {
	s.t.Helper()
	a := &app{stdout: io.Discard, stderr: io.Discard, log: slog.New(slog.DiscardHandler), now: time.Now, configPath: s.config}
	cfg, err := a.loadStore()
	if err != nil {
		s.t.Fatal(err)
	}
	k, err := a.newAsker(s.t.Context(), cfg, readFlags{mask: "standard"}, "", 5*time.Minute)
	if err != nil {
		s.t.Fatal(err)
	}
	return k
}

// try runs one query that means harm.
func (s *harmSite) try(w wayOut, k *asker) {
	s.t.Run(w.name, func(t *testing.T) {
		had := len(s.entries())
		var got ended
		if w.command {
			got = s.wait(s.attack(w))
		} else {
			var out, says strings.Builder
			began := time.Now()
			_, err := k.ask(t.Context(), question{SQL: w.sql, Format: "csv"}, &out)
			if err != nil {
				printError(&says, err)
				if got.status = exitFailed; isUsage(err) {
					got.status = exitUsage
				}
			}
			got.out, got.errors, got.took = out.String(), says.String(), time.Since(began)
		}
		mask := "standard"
		if slices.Contains(w.args, "pseudonym") {
			mask = "pseudonym"
		}
		faults := s.check(got, mask)
		if got.status != w.status || !strings.Contains(got.errors+got.out, w.says) {
			faults = append(faults, fmt.Sprintf("want status %d and %q", w.status, w.says))
		}
		if got.took > time.Minute {
			faults = append(faults, fmt.Sprintf("it took %s", got.took))
		}
		list := s.entries()
		ran := 1
		if w.status == exitUsage {
			ran = 0
		}
		if len(list)-had != ran {
			faults = append(faults, fmt.Sprintf("it has %d entries in the journal", len(list)-had))
		} else if w.outcome != "" && list[len(list)-1].Outcome != w.outcome {
			faults = append(faults, fmt.Sprintf("its outcome is %q, want %q", list[len(list)-1].Outcome, w.outcome))
		}
		if len(faults) > 0 {
			t.Errorf("%.200s\nstatus %d, %s\n%.600s\n%.600s", w.sql, got.status, strings.Join(faults, "; "), got.errors, got.out)
		}
	})
}

func isUsage(err error) bool {
	exit, ok := errors.AsType[*exitError](err)
	return ok && exit.status == exitUsage
}

// attack is a query as a command of its own.
func (s *harmSite) attack(w wayOut) *exec.Cmd {
	args := append([]string{"sql", "--format", "csv", "--timeout", "5m"}, w.args...)
	var stdin []byte
	if len(w.sql) > 100_000 || strings.ContainsRune(w.sql, 0) {
		stdin = []byte(w.sql)
	} else {
		args = append(args, "--", w.sql)
	}
	cmd := s.command(s.t.Context(), stdin, args...)
	if w.limits != "" {
		cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", w.limits + ` && exec "$0" "$@"`, s.program}, cmd.Args[1:]...)
	}
	return cmd
}

// everything is a query of all tables of the file that a mask reads.
func (s *harmSite) everything(mask string) string {
	s.t.Helper()
	got := s.run(s.t.Context(), nil, "sql", "--mask", mask, "--format", "csv", `
SELECT string_agg(format('SELECT ''{0}'' AS name, to_json(t)::VARCHAR AS row FROM {0} AS t', name), ' UNION ALL ')
FROM (SELECT format('"{}"."{}"."{}"', database_name, schema_name, table_name) AS name FROM duckdb_tables() WHERE table_name <> 'answer')`)
	rows, err := csv.NewReader(strings.NewReader(got.out)).ReadAll()
	if err != nil || len(rows) != 2 {
		s.t.Fatalf("%v: %+v", err, got)
	}
	return rows[1][0]
}
