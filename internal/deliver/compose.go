package deliver

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	netmail "net/mail"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/wneessen/go-mail"
)

// File is a part of a message beside its texts. CID is the name by which the
// HTML shows an inline file, of the form of an address: <img src="cid:chart@report">.
type File struct {
	Name  string
	Type  string // as image/png
	CID   string
	Bytes []byte
}

// Message is a mail to one recipient. Report and Slot say what it is of: they
// stand in the outbox and the journal, not in the mail.
type Message struct {
	ID      string // its Message-ID without the angle brackets, by [MessageID]
	From    string // an address, also with a name: Compliance <compliance@example.com>
	ReplyTo string // the same; "" for none
	To      string // an address alone
	Subject string
	Text    string
	HTML    string // "" for none
	Date    time.Time
	Inline  []File // what the HTML shows
	Attach  []File
	Header  map[string]string // further header fields

	Report string
	Slot   time.Time
}

// MessageID is the Message-ID, without angle brackets, of the mail of a report's
// slot to a recipient. It is the same whenever it is computed, and shows neither
// the address nor the report.
func MessageID(report string, slot time.Time, recipient, domain string) string {
	key := strings.Join([]string{report, slot.UTC().Format(time.RFC3339Nano), strings.ToLower(recipient)}, "\x00")
	sum := sha256.Sum256([]byte(key))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:20])) + "@" + domain
}

// CheckAddress returns an error unless s is a mail address alone, without a
// name, in ASCII.
func CheckAddress(s string) error {
	a, err := netmail.ParseAddress(s)
	switch {
	case err != nil:
		return fmt.Errorf("%q is no mail address", clip(s))
	case a.Name != "" || a.Address != s:
		return fmt.Errorf("%q: write the address alone", clip(s))
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("%q: an address has letters of ASCII only (a domain in its xn-- form)", clip(s))
	case len(s) > 254:
		return fmt.Errorf("%q is too long for a mail address", clip(s))
	case !domainName.MatchString(Domain(s)):
		return fmt.Errorf("%q has no domain such as example.com", clip(s))
	}
	return nil
}

// domainName is what a mail's domain may look like.
var domainName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)

// Domain is the domain of an address, in lower case.
func Domain(address string) string {
	return strings.ToLower(strings.TrimSuffix(address[strings.LastIndexByte(address, '@')+1:], ">"))
}

// parseSender takes an address that may have a name before it.
func parseSender(s string) (*netmail.Address, error) {
	a, err := netmail.ParseAddress(s)
	if err != nil {
		return nil, fmt.Errorf("%q is no mail address", clip(s))
	}
	a.Name = headerText(a.Name)
	return a, CheckAddress(a.Address)
}

// CheckSender returns an error unless s is an address, with or without a name
// before it.
func CheckSender(s string) error {
	_, err := parseSender(s)
	return err
}

// Sender is the address that m is from, without its name.
func (m Message) Sender() string {
	a, err := parseSender(m.From)
	if err != nil {
		return m.From
	}
	return a.Address
}

// maxHeader is how many characters of a header field are kept.
const maxHeader = 300

// headerText is s as it may stand in a header field: one line without control
// characters, so that it can never begin another field.
func headerText(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) > maxHeader {
		s = string([]rune(s)[:maxHeader-1]) + "…"
	}
	return s
}

// fieldName is what the name of a further header field may be.
var fieldName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,60}$`)

// Compose is m as the bytes that are sent: text and HTML as alternatives, inline
// files related to them, attachments beside. The same message gives the same
// bytes. A line break in a title or a name becomes a space; one in an address or
// an ID is an error.
func Compose(m Message) ([]byte, error) {
	b, err := compose(m)
	if err != nil {
		return nil, fmt.Errorf("compose mail %s: %w", clip(m.ID), err)
	}
	return b, nil
}

func compose(m Message) ([]byte, error) {
	from, err := parseSender(m.From)
	if err != nil {
		return nil, fmt.Errorf("from: %w", err)
	}
	if err := CheckAddress(m.To); err != nil {
		return nil, fmt.Errorf("to: %w", err)
	}
	if CheckAddress(m.ID) != nil || strings.ContainsAny(m.ID, "<>") {
		return nil, fmt.Errorf("%q is no message id", clip(m.ID))
	}
	if m.Date.IsZero() || m.Text == "" {
		return nil, errors.New("it has no date, or no text")
	}
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	msg.SetMessageIDWithValue(m.ID)
	msg.SetDateWithValue(m.Date)
	msg.FromMailAddress(from)
	msg.ToMailAddress(&netmail.Address{Address: m.To})
	if m.ReplyTo != "" {
		reply, err := parseSender(m.ReplyTo)
		if err != nil {
			return nil, fmt.Errorf("reply to: %w", err)
		}
		msg.ReplyToMailAddress(reply)
	}
	msg.Subject(headerText(m.Subject))
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	for name, value := range m.Header {
		if !fieldName.MatchString(name) {
			return nil, fmt.Errorf("%q is no name of a header field", clip(name))
		}
		msg.SetGenHeader(mail.Header(textproto.CanonicalMIMEHeaderKey(name)), headerText(value))
	}
	msg.SetBodyString(mail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(mail.TypeTextHTML, m.HTML)
	}
	for _, f := range m.Inline {
		if err := CheckAddress(f.CID); err != nil { // a content id has the form of an address
			return nil, fmt.Errorf("inline file %q: %q is no content id", clip(f.Name), clip(f.CID))
		}
		msg.EmbedReadSeeker(f.Name, bytes.NewReader(f.Bytes), partHeader("inline", f))
	}
	for _, f := range m.Attach {
		msg.AttachReadSeeker(f.Name, bytes.NewReader(f.Bytes), partHeader("attachment", f))
	}
	var out bytes.Buffer
	if _, err := msg.WriteTo(&out); err != nil {
		return nil, err
	}
	return fixBoundaries(out.Bytes(), m.ID), nil
}

// partHeader sets the header of a file's part. The library writes names outside
// ASCII as encoded words between quotes, which RFC 2047 forbids and some mail
// programs show as they are; this is RFC 2231.
func partHeader(disposition string, f File) mail.FileOption {
	return func(part *mail.File) {
		params := map[string]string{"filename": headerText(f.Name)}
		part.Header.Set("Content-Disposition", mime.FormatMediaType(disposition, params))
		kind, _, err := mime.ParseMediaType(f.Type)
		if err != nil {
			kind = "application/octet-stream"
		}
		part.Header.Set("Content-Type", kind)
		if f.CID != "" {
			part.Header.Set("Content-ID", "<"+f.CID+">")
		}
	}
}

// boundary finds the boundaries that the library has drawn by chance. The texts
// cannot have this: quoted-printable writes = as =3D.
var boundary = regexp.MustCompile(`\r\n boundary=([0-9a-f]{60})\r\n`)

// fixBoundaries puts boundaries that follow from the id in place of random ones.
// The library's own way to set one sets the same for all nested parts.
func fixBoundaries(raw []byte, id string) []byte {
	for i, found := range boundary.FindAllSubmatch(slices.Clone(raw), -1) {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", id, i))
		raw = bytes.ReplaceAll(raw, found[1], []byte(hex.EncodeToString(sum[:])[:60]))
	}
	return raw
}

// clip is what others wrote, short enough for an error, on one line.
func clip(s string) string {
	s = headerText(s)
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:197], "") + "..."
	}
	return s
}
