package reports

import (
	"encoding/json"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// measureJS is a page that shows another one on a desktop, on a phone and in the
// dark, and writes down what a reader would mind: what sticks out at the side,
// letters too small or too pale to read, and which drawing of the chart is seen.
const measureJS = `<!doctype html><meta charset="utf-8"><body>
<iframe id="desktop" width="1280" height="900" srcdoc="PAGE"></iframe>
<iframe id="phone" width="360" height="800" srcdoc="PAGE"></iframe>
<iframe id="dark" width="1280" height="900" srcdoc="DARK"></iframe>
<script>
function bright(c) {
  const [r, g, b] = c.match(/[\d.]+/g).slice(0, 3).map(x => { x /= 255; return x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4 });
  return .2126 * r + .7152 * g + .0722 * b;
}
function groundOf(w, e) {
  for (; e; e = e.parentElement) {
    const c = w.getComputedStyle(e).backgroundColor;
    if (/^rgb\(/.test(c)) return bright(c); // what is laid over thinly does not count
  }
  return 1;
}
addEventListener("load", () => {
  const found = {};
  for (const f of document.querySelectorAll("iframe")) {
    const d = f.contentDocument, w = f.contentWindow, faults = new Set();
    const ground = bright(w.getComputedStyle(d.body).backgroundColor);
    if (d.documentElement.scrollWidth > w.innerWidth) faults.add("the page is " + d.documentElement.scrollWidth + " wide");
    for (const e of d.querySelectorAll("body *")) {
      if (![...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()) || !e.getClientRects().length) continue;
      const s = w.getComputedStyle(e), name = e.tagName + "." + e.className.baseVal, box = e.getBoundingClientRect();
      const ink = bright(e.closest("svg") ? s.fill : s.color);
      const under = groundOf(w, e), contrast = (Math.max(ink, under) + .05) / (Math.min(ink, under) + .05);
      if (contrast < 4.4) faults.add(e.tagName + " has a contrast of " + contrast.toFixed(1));
      const scale = e.closest("svg") ? e.closest("svg").getBoundingClientRect().width / e.closest("svg").viewBox.baseVal.width : 1;
      if (parseFloat(s.fontSize) * scale < 10.4) faults.add(e.tagName + " has letters of " + s.fontSize);
      if (!e.closest(".scroll") && (box.left < -1 || box.right > w.innerWidth + 1)) faults.add(e.tagName + " sticks out: " + e.textContent.slice(0, 40));
    }
    const seen = s => [...d.querySelectorAll(s)].some(e => e.getClientRects().length > 0);
    found[f.id] = {faults: [...faults].sort(), wide: seen("svg.wide"), narrow: seen("svg.narrow"), ground: ground < .5 ? "dark" : "light",
      rows: d.querySelectorAll("[data-section='0'] tbody tr").length};
    const first = d.querySelectorAll(".first td");
    if (first.length > 1) {
      found[f.id].first = w.getComputedStyle(first[0]).display;
      found[f.id].label = w.getComputedStyle(first[1], "::before").content;
    }
  }
  document.body.textContent = "";
  const out = document.createElement("output");
  out.textContent = JSON.stringify(found);
  document.body.append(out);
});
</script>`

// look is what measureJS finds of a page on one screen.
type look struct {
	Faults               []string
	Wide, Narrow         bool
	Ground, First, Label string
	Rows                 int
}

// looksOf measures a page on each screen in Chromium.
func looksOf(t testing.TB, page string) map[string]look {
	t.Helper()
	dark := strings.ReplaceAll(page, "(prefers-color-scheme:dark)", "(min-width:1px)")
	if dark == page {
		t.Error("the page has no look for the dark")
	}
	path := filepath.Join(t.TempDir(), "measureJS.html")
	text := strings.NewReplacer("PAGE", html.EscapeString(page), "DARK", html.EscapeString(dark)).Replace(measureJS)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "chromium-headless-shell", "--no-sandbox", "--disable-gpu", "--user-data-dir="+t.TempDir(),
		"--virtual-time-budget=60000", "--dump-dom", "file://"+path)
	out, err := c.Output()
	if err != nil {
		t.Fatalf("chromium-headless-shell, of the Debian package of that name: %v", err)
	}
	m := regexp.MustCompile(`<output>(.*)</output>`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("nothing was measured: %.300s", out)
	}
	var got map[string]look
	if err := json.Unmarshal([]byte(html.UnescapeString(string(m[1]))), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// TestPageInBrowser looks at a page with long and Chinese names in Chromium.
func TestPageInBrowser(t *testing.T) {
	names := []string{"张伟", strings.Repeat("长名字", 700), strings.Repeat("W", 3000), "Maximiliane-Wilhelmina von Hohenzollern-Sigmaringen", "שלום עולם"}
	r := handReport{rows: 60, partial: true, names: names}.report(t)
	r.tables[0].columns[1].Title = `Person "of" \ the </style> 名`
	paths, _ := written(t, r, "html")
	page := readFile(t, paths[0])
	got := looksOf(t, page)
	want := map[string]look{
		"desktop": {Faults: []string{}, Wide: true, Ground: "light", Rows: 60, First: "table-cell", Label: "none"},
		"dark":    {Faults: []string{}, Wide: true, Ground: "dark", Rows: 60, First: "table-cell", Label: "none"},
		"phone": {Faults: []string{}, Narrow: true, Ground: "light", Rows: 60, First: "grid",
			Label: `"Person \"of\" \\ the </style> 名"`},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("looks mismatch (-want +got):\n%s", diff)
	}
}
