package deliver

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var aDay = time.Date(2026, 3, 31, 7, 0, 0, 0, time.FixedZone("", 8*3600))

func aMessage(to string) Message {
	return Message{
		ID: MessageID("expiring", aDay, to, "example.com"), From: "Compliance Büro <compliance@example.com>", To: to,
		ReplyTo: "help@example.com", Subject: "[2 high] Expiring permissions: 14 within 30 days, as of 31 Mar 2026",
		Text: "14 permissions end.\n.\n张伟\n", HTML: "<p>14 permissions end: 张伟 <img src=\"cid:chart@exporter\"></p>", Date: aDay,
		Inline: []File{{Name: "chart.png", Type: "image/png", CID: "chart@exporter", Bytes: []byte("\x89PNG picture")}},
		Attach: []File{
			{Name: "expiring.xlsx", Type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", Bytes: bytes.Repeat([]byte("xlsx\x00\r\n.\r\n"), 9000)},
			{Name: "报表 \"x\".pdf", Type: "application/pdf", Bytes: []byte("%PDF")},
		},
		Report: "expiring", Slot: aDay,
	}
}

// readMail is what Python's email package reads in a mail.
func readMail(t *testing.T, raw []byte) (m struct {
	Header  [][2]string
	Defects []string
	Longest int
	Bare    int
	ASCII   bool
	Body    mailPart
}) {
	t.Helper()
	cmd := exec.Command("/usr/bin/python3", "testdata/readmail.py")
	cmd.Stdin = bytes.NewReader(raw)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("python3: %v", err)
	}
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

type mailPart struct {
	Type, SHA256, Text, Disposition, Name, CID string
	Parts                                      []mailPart
}

func sha(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// A mail program reads in the bytes what the message said.
func TestComposeIsRead(t *testing.T) {
	m := aMessage("manager@example.com")
	m.Header = map[string]string{"X-Report": "expiring"}
	raw, err := Compose(m)
	if err != nil {
		t.Fatal(err)
	}
	got := readMail(t, raw)
	want := map[string]string{
		"From": "Compliance Büro <compliance@example.com>", "To": "manager@example.com", "Reply-To": "help@example.com",
		"Subject": m.Subject, "Message-ID": "<" + m.ID + ">", "Date": "Tue, 31 Mar 2026 07:00:00 +0800",
		"Auto-Submitted": "auto-generated", "X-Report": "expiring", "MIME-Version": "1.0",
	}
	for _, h := range got.Header {
		if h[0] == "Content-Type" {
			continue
		}
		if want[h[0]] != h[1] {
			t.Errorf("header %s is %q, want %q", h[0], h[1], want[h[0]])
		}
		delete(want, h[0])
	}
	if len(want) > 0 {
		t.Errorf("headers missing: %v", want)
	}
	if len(got.Defects) > 0 || got.Longest > 100 || got.Bare > 0 || !got.ASCII {
		t.Errorf("defects %q, longest line %d, bare line ends %d, ASCII %v", got.Defects, got.Longest, got.Bare, got.ASCII)
	}
	file := func(f File, disposition string) mailPart {
		p := mailPart{Type: f.Type, SHA256: sha(f.Bytes), Disposition: disposition, Name: f.Name}
		if f.CID != "" {
			p.CID = "<" + f.CID + ">"
		}
		return p
	}
	text := strings.ReplaceAll(m.Text, "\n", "\r\n") // lines of a mail end so
	wantBody := mailPart{Type: "multipart/mixed", Parts: []mailPart{
		{Type: "multipart/related", Parts: []mailPart{
			{Type: "multipart/alternative", Parts: []mailPart{
				{Type: "text/plain", SHA256: sha([]byte(text)), Text: text},
				{Type: "text/html", SHA256: sha([]byte(m.HTML)), Text: m.HTML},
			}},
			file(m.Inline[0], "inline"),
		}},
		file(m.Attach[0], "attachment"), file(m.Attach[1], "attachment"),
	}}
	if diff := cmp.Diff(wantBody, got.Body); diff != "" {
		t.Errorf("body mismatch (-want +got)\n%s", diff)
	}
}

// The same message gives the same bytes, and another ID other boundaries.
func TestComposeIsDeterministic(t *testing.T) {
	first, err := Compose(aMessage("manager@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	again, _ := Compose(aMessage("manager@example.com"))
	if !bytes.Equal(first, again) {
		t.Error("two compositions of one message differ")
	}
	other, _ := Compose(aMessage("owner@example.com"))
	lines := map[string]bool{}
	for line := range strings.Lines(string(first)) {
		lines[line] = strings.HasPrefix(line, "--")
	}
	for line := range strings.Lines(string(other)) {
		if lines[line] {
			t.Errorf("two mails have the boundary %q", line)
		}
	}
}

// No text from outside begins a header field of its own, ends the header, or
// hides what it says.
func TestComposeTakesNoInjection(t *testing.T) {
	evil := "x\r\nBcc: victim@example.com\r\n\r\n<b>body</b>\x00\u202e\u2028\u0085z"
	m := aMessage("manager@example.com")
	m.Subject, m.From = evil, "\"a\\\r\nBcc: b\" <compliance@example.com>"
	if _, err := Compose(m); err == nil {
		t.Error("a sender with a line break in it is taken")
	}
	m.From = "compliance@example.com"
	m.Header = map[string]string{"X-Report": evil}
	m.Attach[0].Name, m.Inline[0].Name = evil+".xlsx", evil
	m.Attach[0].Type, m.Inline[0].Type = "application/pdf\r\nBcc: victim@example.com", "a b"
	raw, err := Compose(m)
	if err != nil {
		t.Fatal(err)
	}
	const clean = "x Bcc: victim@example.com <b>body</b> z"
	got := readMail(t, raw)
	for _, h := range got.Header {
		if h[0] == "Bcc" || strings.ContainsAny(h[1], "\r\n\x00") {
			t.Errorf("header %s: %q", h[0], h[1])
		}
		if (h[0] == "Subject" || h[0] == "X-Report") && h[1] != clean {
			t.Errorf("%s is %q, want %q", h[0], h[1], clean)
		}
	}
	if len(got.Header) != 10 || len(got.Defects) > 0 {
		t.Errorf("header %q, defects %q", got.Header, got.Defects)
	}
	if name := got.Body.Parts[1].Name; name != clean+".xlsx" {
		t.Errorf("attachment is called %q", name)
	}
	for name, change := range map[string]func(*Message){
		"id":          func(m *Message) { m.ID = "a@example.com>\r\nBcc: x" },
		"to":          func(m *Message) { m.To = "a@example.com\r\nBcc: x@example.com" },
		"two to":      func(m *Message) { m.To = "a@example.com, b@example.com" },
		"reply to":    func(m *Message) { m.ReplyTo = "a@example.com\nBcc: x@example.com" },
		"header name": func(m *Message) { m.Header = map[string]string{"X: y\r\nBcc": "x"} },
		"content id":  func(m *Message) { m.Inline = []File{{CID: "a>\r\nBcc: x"}} },
	} {
		m := aMessage("manager@example.com")
		change(&m)
		if _, err := Compose(m); err == nil || strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("%s with a line break: error %v", name, err)
		}
	}
}

func TestMessageID(t *testing.T) {
	id := MessageID("expiring", aDay, "Manager@example.com", "example.com")
	if other := MessageID("expiring", aDay.UTC(), "manager@EXAMPLE.com", "example.com"); other != id {
		t.Errorf("the same slot and recipient have the IDs %s and %s", id, other)
	}
	if strings.Contains(strings.TrimSuffix(id, "@example.com"), "a@") || strings.Contains(id, "anager") || strings.Contains(id, "expiring") {
		t.Errorf("%s shows what it is of", id)
	}
	for _, other := range []string{
		MessageID("expired", aDay, "manager@example.com", "example.com"),
		MessageID("expiring", aDay.Add(time.Second), "manager@example.com", "example.com"),
		MessageID("expiring", aDay, "owner@example.com", "example.com"),
	} {
		if other == id {
			t.Error("two mails have one ID")
		}
	}
}

func TestCheckAddress(t *testing.T) {
	for _, good := range []string{"a@example.com", "a.b+c@sub.example.com", "o'neil@example.com"} {
		if err := CheckAddress(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "a", "a@", "@example.com", "a@b@example.com", "A <a@example.com>", "a@example.com, b@example.com", " a@example.com",
		"a b@example.com", "a\r\n@example.com", "ü@example.com", "a@exämple.com", "a@[127.0.0.1]", strings.Repeat("a", 300) + "@example.com",
		"<a@example.com>", "\"a\r\n\"@example.com",
	} {
		if CheckAddress(bad) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
