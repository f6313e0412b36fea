package reports

import (
	"bytes"
	"encoding/base64"
	"image/png"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

// mailOptions are what a mail of these tests says beside its report.
var mailOptions = MailOptions{
	Notices: []string{"Made up for: it was due on 31 March 2026 07:00, when the program was not running."},
	Attachments: []Attachment{{Name: "report.xlsx", Bytes: 48_211},
		{Name: "report.pdf", Bytes: 13_120_000, Note: "too large to send: /srv/reports/report.pdf, SHA-256 9f3c52d07ab1"}},
}

func mailOf(t testing.TB, r *Report, o MailOptions) Mail {
	t.Helper()
	m, err := r.Mail(testFonts(t), o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// mailText is a mail as who reads plain text sees it.
func mailText(m Mail) string { return "Subject: " + m.Subject + "\n\n" + m.Text }

// soundMail checks what holds of every mail: the lines' width, no name of a person
// in the subject, no more rows than fit a phone's patience, and html that needs
// nothing but its own images.
func soundMail(t testing.TB, r *Report, names ...string) Mail {
	t.Helper()
	m := mailOf(t, r, mailOptions)
	for line := range strings.Lines(m.Text) {
		if line = strings.TrimSuffix(line, "\n"); columnsOf(line) > 72 {
			t.Errorf("%s: a line is longer than 72: %q", r.Name(), line)
		}
	}
	for _, name := range names {
		if strings.Contains(m.Subject, name) {
			t.Errorf("%s: the subject names %s: %q", r.Name(), name, m.Subject)
		}
	}
	if strings.ContainsFunc(m.Subject, func(r rune) bool { return r < ' ' }) || columnsOf(m.Subject) > 150 || !strings.HasSuffix(m.Subject, " 2026)") {
		t.Errorf("%s: subject %q", r.Name(), m.Subject)
	}
	for _, wrong := range []string{"ZgotmplZ", "<no value>", "http:", "https:", "<script", "url("} {
		if strings.Contains(m.HTML, wrong) {
			t.Errorf("%s: the html has %q", r.Name(), wrong)
		}
	}
	if len(m.HTML) > 100_000 { // beyond, some mail programs cut it off
		t.Errorf("%s: the html has %d bytes", r.Name(), len(m.HTML))
	}
	shown := regexp.MustCompile(`src="cid:([^"]+)"`).FindAllStringSubmatch(m.HTML, -1)
	if len(shown) != len(m.Images) || len(shown) == 1 && shown[0][1] != m.Images[0].CID {
		t.Errorf("%s: the html shows %q, there are %d images", r.Name(), shown, len(m.Images))
	}
	for _, x := range m.Images {
		if _, err := png.Decode(bytes.NewReader(x.Data)); err != nil {
			t.Errorf("%s: %v", r.Name(), err)
		}
	}
	if rows := strings.Count(m.HTML, `<td class="c-ink l-hair" align=`); rows > maxMailRows*maxMailColumns {
		t.Errorf("%s: %d cells", r.Name(), rows)
	}
	return m
}

// TestMails compares mails of reports made by hand with golden ones.
func TestMails(t *testing.T) {
	long := []string{"张伟", strings.Repeat("长名字", 30), "Maximiliane-Wilhelmina von Hohenzollern-Sigmaringen", strings.Repeat("W", 300)}
	rows := handReport{rows: 40}.report(t)
	rows.since = &comparison{trust: trust{snapshot: "20260324T050000Z", asOf: handAsOf.AddDate(0, 0, -7),
		projects: []projectTrust{{verdict: "complete"}}}}
	for name, r := range map[string]*Report{
		"rows":    rows,
		"empty":   handReport{}.report(t),
		"partial": handReport{rows: 14, partial: true, names: long}.report(t),
		"part":    partIn(t, handReport{rows: 14, partial: true}.report(t), "channel", "Archive", "Archive, north door", "东区大门"),
	} {
		t.Run(name, func(t *testing.T) {
			m := soundMail(t, r, long...)
			golden(t, "mail_"+name+".txt", mailText(m))
			lookAt(t, name+".html", []byte(m.HTML))
			for _, x := range m.Images {
				lookAt(t, name+".png", x.Data)
			}
			if again := mailOf(t, r, mailOptions); again.HTML != m.HTML || len(m.Images) > 0 && !bytes.Equal(again.Images[0].Data, m.Images[0].Data) {
				t.Error("the same report gives another mail")
			}
		})
	}
}

// TestMailTellsParts says to whom a report went that was parted.
func TestMailTellsParts(t *testing.T) {
	info := &PartInfo{By: "access_control_channel_id", Recipients: 3, Rows: 1200, Fallback: 1}
	m := mailOf(t, handReport{rows: 3}.report(t), MailOptions{Parts: info})
	want := "Sent in parts by access control channel id to 3 recipients: together 1,200 rows, as many as the whole report has. " +
		"1 row is nobody's and went to the fallback."
	if text := strings.Join(strings.Fields(m.Text), " "); !strings.Contains(text, want) {
		t.Errorf("the text does not say %q", want)
	}
	if !strings.Contains(html.UnescapeString(m.HTML), want) {
		t.Errorf("the html does not say %q", want)
	}
}

// TestMailInBrowser looks at a mail with long and Chinese names on a desktop, on a
// phone and in the dark.
func TestMailInBrowser(t *testing.T) {
	names := []string{"张伟", strings.Repeat("长名字", 70), strings.Repeat("W", 300), "Maximiliane-Wilhelmina von Hohenzollern-Sigmaringen"}
	for name, r := range map[string]*Report{"rows": handReport{rows: 60, partial: true, names: names}.report(t), "empty": handReport{}.report(t)} {
		m := mailOf(t, r, mailOptions)
		page := m.HTML
		for _, x := range m.Images {
			page = strings.ReplaceAll(page, "cid:"+x.CID, "data:image/png;base64,"+base64.StdEncoding.EncodeToString(x.Data))
		}
		want := map[string]look{
			"desktop": {Faults: []string{}, Ground: "light"},
			"dark":    {Faults: []string{}, Ground: "dark"},
			"phone":   {Faults: []string{}, Ground: "light"},
		}
		if diff := cmp.Diff(want, looksOf(t, page)); diff != "" {
			t.Errorf("%s: looks mismatch (-want +got):\n%s", name, diff)
		}
	}
}

// TestMailOfHostileNames puts into a mail what tries to be more than text.
func TestMailOfHostileNames(t *testing.T) {
	names := []string{`</td><img src=x onerror=alert(1)>`, "Line\r\nBcc: all@example.com", "\x00\x1b[31mred", "bad \xff byte", `{{.Answer}}`, "a\u202eb"}
	r := handReport{rows: 12, names: names}.report(t)
	r.def.Title = "Title\r\nBcc: all@example.com"
	r.chart.labels[0], r.chart.title = names[0], names[1]
	m := soundMail(t, r)
	if want := "[4 high] Title Bcc: all@example.com: 13 rows (31 Mar 2026)"; m.Subject != want {
		t.Errorf("subject %q, want %q", m.Subject, want)
	}
	if strings.ContainsAny(m.Text, "\r\x00\x1b") || strings.Contains(m.Text, "\nBcc") {
		t.Errorf("the text has control characters or a line of its own: %q", m.Text)
	}
	images := 0
	for z := html.NewTokenizer(strings.NewReader(m.HTML)); z.Next() != html.ErrorToken; {
		if x := z.Token(); x.Data == "img" && x.Type == html.StartTagToken {
			images++
			for _, a := range x.Attr {
				if strings.HasPrefix(a.Key, "on") {
					t.Errorf("an image has %s", a.Key)
				}
			}
		}
	}
	if images != 1 || strings.ContainsAny(m.HTML, "\x00\x1b") {
		t.Errorf("%d images in the html", images)
	}
}

// TestAsOfWords tells the cloud's time of a snapshot from that which a report is made for.
func TestAsOfWords(t *testing.T) {
	told := time.Date(2026, 3, 31, 5, 0, 4, 0, time.UTC)
	for made, want := range map[time.Time]string{
		told:                    "2026-03-31 05:00 (UTC)",
		told.Add(2 * time.Hour): "2026-03-31 05:00, made for 2026-03-31 07:00 (UTC)",
	} {
		r := &Report{trust: trust{asOf: made, zone: time.UTC, projects: []projectTrust{{serverTime: told.Add(-time.Hour)}, {serverTime: told}}}}
		if got := r.asOf(); got != want {
			t.Errorf("as of %q, want %q", got, want)
		}
	}
}

// TestMailSubject takes numbers and days into a subject, and no text.
func TestMailSubject(t *testing.T) {
	r := reader(t, permissionsSite(t, [3]string{"a1", "c1", "2026-04-02"}, [3]string{"a2", "c2", "2026-09-01"}))
	d, dir := keyed(t)
	run := func(subject string) (*Report, error) {
		d.Subject = subject
		return Run(t.Context(), r, d, Options{QueryDir: dir, Timezone: siteZone})
	}
	for subject, want := range map[string]string{
		"":                           "[1 high] Own: 2 all (31 Mar 2026)",
		"{n} found, {some_share} {x": "[1 high] Own: 2 found, 20 % {x (31 Mar 2026)",
	} {
		p, err := run(subject)
		if err != nil {
			t.Fatal(err)
		}
		if got := mailOf(t, p, MailOptions{}).Subject; got != want {
			t.Errorf("subject %q, want %q", got, want)
		}
		if got, want := mailOf(t, partIn(t, p, "channel", "Jane Example", "c2"), MailOptions{}).Subject, "[1 low] Own: 1 row in your part (31 Mar 2026)"; got != want {
			t.Errorf("subject of the part %q, want %q", got, want)
		}
	}
	d.Figures = d.Figures[2:] // its value is a text
	p, err := run("")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := mailOf(t, p, MailOptions{}).Subject, "[1 high] Own: 2 rows (31 Mar 2026)"; got != want {
		t.Errorf("subject %q, want %q", got, want)
	}
	if _, err := run("seen by {word}"); err == nil || !strings.Contains(err.Error(), "{word} is a text, which may be a name") {
		t.Errorf("a text in a subject: %v", err)
	}
}

// TestChartPicture draws bars up and down, and lines with a gap and with letters
// that only another font has, and finds their colours where they must be.
func TestChartPicture(t *testing.T) {
	series := []Series{{Column: "a", Title: "甲"}, {Column: "b", Title: "high ones", Tone: high}}
	for name, ch := range map[string]*chartTable{
		"bars":  {title: "Up and down", def: Chart{Series: series}, labels: []string{"第一宿舍", "second"}, values: [][]float64{{3, -2}, {1, -1}}},
		"lines": {title: "A gap", def: Chart{Kind: "lines", Series: series}, labels: []string{"1", "2", "3", "4"}, values: [][]float64{{1, 2, math.NaN(), 4}, {2, 2, 2, 2}}},
	} {
		data, err := ch.narrow(mailChartWidth).png(testFonts(t), 2)
		if err != nil {
			t.Fatal(err)
		}
		lookAt(t, name+".png", data)
		img, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		pixels := map[rgb]int{}
		for y := range img.Bounds().Dy() {
			for x := range img.Bounds().Dx() {
				r, g, b, _ := img.At(x, y).RGBA()
				pixels[rgb{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8)}]++
			}
		}
		for _, k := range []rgb{accent, toneColor(high), white, muted, ink} {
			if pixels[k] < 20 {
				t.Errorf("%s: %d pixels of %v", name, pixels[k], k)
			}
		}
	}
}
