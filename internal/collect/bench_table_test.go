package collect

import (
	"bufio"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// sizeTable has what each step took at each size.
type sizeTable struct {
	sizes []int
	steps []string
	taken map[string]map[int]stepTaken
}

// The steps that have more aims than how they grow.
const (
	stepWalk    = "walk of the list, pages landed"
	stepLoad    = "load and publish of the list"
	stepCollect = "collect, the whole program"
	stepAgain   = "collect again, 1 % changed"
	stepSQL     = "sql: "
)

// stepTaken is what a step took, and how large is what it made, in MiB.
type stepTaken struct {
	spent
	made float64
}

// String is a cell of the table.
func (s stepTaken) String() string {
	digits := 0
	if s.took < 10*time.Second {
		digits = 2
	}
	text := fmt.Sprintf("%.*f s, %.0f", digits, s.took.Seconds(), s.peak)
	if s.made > 0 {
		text += fmt.Sprintf(", %.1f", s.made)
	}
	return text
}

// add notes a step, which made the file or folder of that path, or nothing.
func (t *sizeTable) add(n int, step string, s spent, path string) {
	taken := stepTaken{spent: s}
	filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			info, err := e.Info()
			if err != nil {
				return err
			}
			taken.made += float64(info.Size()) / (1 << 20)
		}
		return nil // where nothing was made there is no such path
	})
	if t.taken[step] == nil {
		t.steps, t.taken[step] = append(t.steps, step), map[int]stepTaken{}
	}
	t.taken[step][n] = taken
	fmt.Printf("%s\t%s\t%v\t%.1f s of processor\n", thousands(n), step, taken, s.cpu.Seconds())
}

// What must hold from a size on, for which the start of the program counts no more:
// the time grows by at most that power of the size, and the memory of the steps that
// go through all rows in batches is at most so many times what it was.
const (
	growFrom, growMost = 100_000, 1.1
	flatFrom, flatMost = 1_000_000, 1.1
)

func isFlat(step string) bool {
	return step == stepWalk || step == stepLoad || step == stepCollect || step == stepAgain || strings.HasPrefix(step, stepSQL)
}

// growth is the power by which the time of a step grows from each size to the next,
// and what of that, and of its memory, is not as it must be.
func (t *sizeTable) growth(step string) (powers []string, missed string) {
	for i, n := range t.sizes {
		now, ok := t.taken[step][n]
		if i == 0 || !ok {
			continue
		}
		before := t.sizes[i-1]
		was := t.taken[step][before]
		power := math.Log(now.took.Seconds()/was.took.Seconds()) / math.Log(float64(n)/float64(before))
		powers = append(powers, fmt.Sprintf("%.2f", power))
		if before >= growFrom && power > growMost {
			missed += " time"
		}
		if before >= flatFrom && isFlat(step) && now.peak > flatMost*was.peak {
			missed += " memory"
		}
	}
	return powers, missed
}

// print prints the table as it stands in the README, and the aims of single steps.
func (t *sizeTable) print() {
	fmt.Printf("\n%s, %s.\nSeconds, peak memory of all processes in MiB, and the size of what was made in MiB.\n\n", time.Now().Format("2 January 2006"), machine())
	line := func(cells ...string) { fmt.Println("|", strings.Join(cells, " | "), "|") }
	head := []string{"permissions"}
	for _, n := range t.sizes {
		head = append(head, thousands(n))
	}
	head = append(head, "growth of time", "")
	line(head...)
	line(slices.Repeat([]string{"---"}, len(head))...)
	for _, step := range t.steps {
		cells := []string{step}
		for _, n := range t.sizes {
			cell := "not measured"
			if taken, ok := t.taken[step][n]; ok {
				cell = taken.String()
			}
			cells = append(cells, cell)
		}
		powers, missed := t.growth(step)
		verdict := "holds"
		if missed != "" {
			verdict = "MISSED:" + missed
		}
		line(append(cells, strings.Join(powers, ", "), verdict)...)
	}
	fmt.Printf("\nGrowth of time is the power of the size by which it grows to the next; at most %g from %s on.\n", growMost, thousands(growFrom))
	fmt.Printf("The memory of collecting, loading and sql is flat from %s on.\n", thousands(flatFrom))
	t.printMillion()
}

// printMillion prints the aims of single steps at 1,000,000, where that was measured.
func (t *sizeTable) printMillion() {
	const million = 1_000_000
	load, ok := t.taken[stepLoad][million]
	if !ok {
		return
	}
	f := newFigures()
	f.section("At 1,000,000 permissions")
	speed := million / load.took.Seconds()
	f.add(speed >= 100_000, "at least 100,000", "load and publish: rows/s", "%.0f, %.1f s of processor", speed, load.cpu.Seconds())
	f.add(load.peak < 600, "under 600 MiB", "  peak memory", "%.0f MiB", load.peak)
	first, again := t.taken[stepCollect][million], t.taken[stepAgain][million]
	f.add(first.peak < 600, "under 600 MiB", "collect: peak memory", "%.0f MiB", first.peak)
	ratio := again.took.Seconds() / first.took.Seconds()
	f.add(ratio < 1.2, "under 1.2 times", "collect again, 1 % changed: time", "%.2f times", ratio)
	grown := 100 * (again.made/first.made - 1)
	f.add(grown < 3, "less than 3 %", "  growth of the file", "%.1f %%", grown)
	f.print()
}

// machine is what the figures were measured on.
func machine() string {
	value := func(path, key string) string {
		f, err := os.Open(path)
		if err != nil {
			return "unknown"
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == key {
				return strings.TrimSpace(value)
			}
		}
		return "unknown"
	}
	var kib int
	fmt.Sscan(value("/proc/meminfo", "MemTotal"), &kib)
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%d cores of %s, %.0f GiB of memory, Linux %s, %s", runtime.NumCPU(), value("/proc/cpuinfo", "model name"),
		float64(kib)/(1<<20), strings.TrimSpace(string(kernel)), runtime.Version())
}

// thousands is a number as 1,000,000.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
