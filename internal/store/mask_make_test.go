package store_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

// files lists the names in the folder of the snapshots.
func files(t *testing.T, st *store.Store) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(st.Dir(), "snapshots"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func wantFiles(t *testing.T, st *store.Store, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := files(t, st); !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
}

// TestMaskingProcess is the process of [TestMaskingKilled]; alone it does nothing.
func TestMaskingProcess(t *testing.T) {
	dir := os.Getenv("MASKING_STORE")
	if dir == "" {
		return
	}
	st, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	read(t, st, store.ReadOptions{Mask: store.MaskStandard})
}

// A process that is killed while it makes a copy leaves nothing under the final
// name, and what it leaves goes with the next copy, or the next lock.
func TestMaskingKilled(t *testing.T) {
	st := storetest.Open(t)
	id := storetest.Publish(t, st, small(1))
	for _, clear := range []func(){
		func() { read(t, st, store.ReadOptions{Mask: store.MaskPseudonym}) },
		func() {
			release, err := st.Lock(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := release(); err != nil {
				t.Error(err)
			}
		},
	} {
		half := filepath.Join(st.Dir(), "snapshots", ".masking-"+id+".standard.duckdb")
		killMasking(t, st, half, filepath.Join(st.Dir(), "snapshots", id+".standard.duckdb"))
		v, lines := verify(t, st, store.VerifyOptions{})
		if len(lines) > 0 || v.Files != 1 {
			t.Errorf("verify: %q", lines)
		}
		clear()
		if names := files(t, st); slices.Contains(names, filepath.Base(half)) {
			t.Errorf("left: %q", names)
		}
	}
	read(t, st, store.ReadOptions{Mask: store.MaskStandard})
	wantFiles(t, st, id+".duckdb", id+".pseudonym.duckdb", id+".standard.duckdb")
}

// killMasking kills a process while it makes a copy: half is there, and whole is
// not. On a busy machine a process may be done before it is killed; then its copy
// goes, and another tries.
func killMasking(t *testing.T, st *store.Store, half, whole string) {
	t.Helper()
	there := func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	}
	for range 20 {
		c := exec.Command(os.Args[0], "-test.run=^TestMaskingProcess$")
		c.Env = append(os.Environ(), "MASKING_STORE="+st.Dir())
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); !there(half) && !there(whole) && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		if err := c.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		c.Wait() // it was killed, or is done
		if there(half) && !there(whole) {
			return
		}
		if err := os.Remove(whole); err != nil {
			t.Fatalf("the process left neither: %v", err)
		}
	}
	t.Fatal("no process could be killed before its copy was made")
}

// Several readers make each copy once, with one key.
func TestMaskingTogether(t *testing.T) {
	st := storetest.Open(t)
	id := storetest.Publish(t, st, small(1))
	var all sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for i := range 6 {
		all.Go(func() {
			other, err := store.Open(st.Dir())
			if err != nil {
				t.Error(err)
				return
			}
			r, err := other.Read(t.Context(), store.ReadOptions{Mask: store.Masks[1+i%2]})
			if err != nil {
				t.Error(err)
				return
			}
			info, err := os.Stat(filepath.Join(st.Dir(), "snapshots", id+"."+r.Mask()+".duckdb"))
			mu.Lock()
			if err == nil && info.Mode().Perm() == 0o444 {
				made++
			}
			mu.Unlock()
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	wantFiles(t, st, id+".duckdb", id+".pseudonym.duckdb", id+".standard.duckdb")
	if made != 6 {
		t.Errorf("%d of 6 readers had their copy", made)
	}
}

// A copy that is damaged, or was made by other rules, is made again; one that is
// there is not; and each goes with its snapshot, also where it came too late to be
// named.
func TestMaskedCopiesOfTheirSnapshot(t *testing.T) {
	st := storetest.Open(t)
	ids := []string{storetest.Publish(t, st, small(1)), storetest.Publish(t, st, small(2))}
	count := 0
	o := store.ReadOptions{Snapshot: ids[0], Mask: store.MaskStandard, Masking: func(id string) {
		if count++; id != ids[0] {
			t.Errorf("masking %s", id)
		}
	}}
	path := filepath.Join(st.Dir(), "snapshots", ids[0]+".standard.duckdb")
	for i, harm := range []func(){
		func() {},
		func() {},
		func() {
			if err := os.Chmod(path, 0o600); err != nil {
				t.Fatal(err)
			}
			write(t, path, []byte("nothing"))
		},
		func() {
			if err := storetest.Change(path, "UPDATE x.base.masked SET rules = 0"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		harm()
		read(t, st, o)
		if want := []int{1, 1, 2, 3}[i]; count != want {
			t.Errorf("step %d: made %d times, want %d", i, count, want)
		}
	}
	release, err := st.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Remove([]store.File{{Path: "snapshots/" + ids[0] + ".duckdb"}}); err != nil {
		t.Fatal(err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, st, ids[1]+".duckdb")
	// Its history is in the newest, and so is its copy.
	o.Masking = nil
	if r := read(t, st, o); r.Snapshot() != ids[0] {
		t.Errorf("snapshot %s, want %s", r.Snapshot(), ids[0])
	}
	wantFiles(t, st, ids[1]+".duckdb", ids[1]+".standard.duckdb")
}

// After a purge no copy holds the person, and there is none of the snapshots
// before it.
func TestPurgeAndMaskedCopies(t *testing.T) {
	st := storetest.Open(t)
	if err := st.Create(); err != nil {
		t.Fatal(err)
	}
	storetest.Publish(t, st, maskSite(t, "p1", 1, ""))
	read(t, st, store.ReadOptions{Mask: store.MaskStandard})
	p := purge(t, st, store.PurgeOptions{Person: siteIDs[0], Started: day(2)})
	if err := st.Remove(p.Files); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, st, p.Snapshot+".duckdb", p.Snapshot+".standard.duckdb")
	r := read(t, st, store.ReadOptions{Mask: store.MaskStandard})
	if text := dumpBase(t, r); strings.Contains(text, siteIDs[0]) {
		t.Error("a copy made after the purge holds the person")
	}
	// What is left of a row is not enough to try a guess on.
	check(t, r, "SELECT count(*) > 0, count(DISTINCT row_sha256) FROM base.purged", "true,1")
}

// A snapshot comes with the masked copies that the one before it has, so that
// nobody waits for them; a copy whose snapshot never came is removed.
func TestMaskedAhead(t *testing.T) {
	st := storetest.Open(t)
	first := storetest.Publish(t, st, small(1))
	read(t, st, store.ReadOptions{Mask: store.MaskStandard})
	second := storetest.Publish(t, st, small(2))
	want := []string{first + ".duckdb", first + ".standard.duckdb", second + ".duckdb", second + ".standard.duckdb"}
	wantFiles(t, st, want...)
	made := false
	r := read(t, st, store.ReadOptions{Mask: store.MaskStandard, Masking: func(string) { made = true }})
	if made || r.Snapshot() != second {
		t.Errorf("read %s, making a copy: %v", r.Snapshot(), made)
	}
	left := filepath.Join(st.Dir(), "snapshots", "20991231T000000Z.standard.duckdb")
	if err := os.WriteFile(left, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	release, err := st.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, st, want...)
}

// The key is made once, for its owner alone; a copy says why it cannot be made.
func TestMaskKey(t *testing.T) {
	st := storetest.Open(t)
	ids := []string{storetest.Publish(t, st, small(1)), storetest.Publish(t, st, small(2))}
	read(t, st, store.ReadOptions{Snapshot: ids[0], Mask: store.MaskPseudonym})
	key := filepath.Join(st.Dir(), "pseudonym.key")
	info, err := os.Stat(key)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 65 {
		t.Fatalf("the key: %v, %v", info, err)
	}
	text := content(t, key)
	for _, x := range []struct {
		name string
		harm func() error
		want string
	}{
		{"missing", func() error { return os.Remove(key) }, "is missing, but snapshots/" + ids[0] + ".pseudonym.duckdb was made with it"},
		{"open", func() error { return os.Chmod(key, 0o640) }, "mode 0640 lets others read it"},
		{"cut", func() error { return os.Truncate(key, 20) }, "is cut or damaged"},
		{"another", func() error { return os.WriteFile(key, []byte(strings.Repeat("ab", 32)), 0o600) }, "is another than"},
	} {
		if err := x.harm(); err != nil {
			t.Fatal(err)
		}
		_, err := st.Read(t.Context(), store.ReadOptions{Mask: store.MaskPseudonym})
		hint, ok := errors.AsType[interface {
			error
			Hint() string
		}](err)
		if err == nil || !strings.Contains(err.Error(), x.want) || !ok || hint.Hint() == "" {
			t.Errorf("%s: %v", x.name, err)
		}
		wantFiles(t, st, ids[0]+".duckdb", ids[0]+".pseudonym.duckdb", ids[1]+".duckdb")
		if _, lines := verify(t, st, store.VerifyOptions{}); x.name == "open" != (len(lines) == 1) {
			t.Errorf("%s: verify: %q", x.name, lines)
		}
		if err := errors.Join(os.WriteFile(key, text, 0o600), os.Chmod(key, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	read(t, st, store.ReadOptions{Mask: store.MaskPseudonym})
}
