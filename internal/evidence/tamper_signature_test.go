package evidence

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// Which of the bundle's signatures are good, and what is said of the others.
func TestTamperSignature(t *testing.T) {
	key, signers := newKey(t)
	other, otherSigners := newKey(t)
	text := payload(t, "full")["journal.ndjson"]
	line := func(after, before time.Time) []byte {
		const layout = "20060102150405Z"
		bounds := fmt.Sprintf(`valid-after=%q,valid-before=%q`, after.Format(layout), before.Format(layout))
		return regexp.MustCompile(`valid-after="[0-9]*"`).ReplaceAll(signers, []byte(bounds))
	}
	year := 365 * 24 * time.Hour
	for _, test := range []struct {
		name    string
		change  func(*Seal)
		signers []byte // that the auditor has; nil: none
		named   string
		says    string
	}{
		{"good", nil, signers, "", ""},
		{"good by its own word", nil, nil, "", ""},
		{"not signed", func(s *Seal) { s.Sign = func([]byte) ([]byte, []byte, error) { return nil, nil, nil } }, signers, signatureName, "not signed"},
		{"another key", nil, otherSigners, signatureName, "wrong key: it is none of those that may sign: SHA256:"},
		{"another key, its own word", func(s *Seal) { s.Sign = seal(other, nil, "full", text).Sign }, nil, signatureName, "wrong key: it is none of those that may sign: SHA256:"},
		{"key expired before", nil, line(sealedAt.Add(-year), sealedAt.Add(-time.Minute)), signatureName, "was not valid at that time"},
		{"key expired since", nil, line(sealedAt.Add(-year), sealedAt.Add(time.Minute)), "", ""},
		{"key not yet valid", nil, line(sealedAt.Add(time.Minute), sealedAt.Add(year)), signatureName, "was not valid at that time"},
		{"another purpose", func(s *Seal) {
			s.Sign = func(m []byte) (signature, stamp []byte, err error) {
				signature, err = key.Sign("git", m)
				return signature, nil, err
			}
		}, signers, signatureName, `wrong namespace: the signature was made for another purpose: "git", not "`},
		{"of another bundle", func(s *Seal) {
			s.Sign = func(m []byte) (signature, stamp []byte, err error) {
				signature, err = key.Sign(namespace, append(m, '\n'))
				return signature, nil, err
			}
		}, signers, signatureName, "one of the two was altered: the signature is over other content"},
		{"in the name of another", func(s *Seal) {
			s.Info[slices.IndexFunc(s.Info, func(f Field) bool { return f.Label == "Signer" })].Value = "boss@example.com"
		}, signers, signatureName, "bag-info.txt says of boss@example.com"},
		{"a namespace of another domain", func(s *Seal) {
			s.Info[slices.IndexFunc(s.Info, func(f Field) bool { return f.Label == "Namespace" })].Value = "access-evidence@other.example.com"
		}, signers, infoName, "Namespace is"},
		{"sealed tomorrow", func(s *Seal) {
			s.Info[slices.IndexFunc(s.Info, func(f Field) bool { return f.Label == "Run" })].Value = "20270102T000000Z"
		}, signers, infoName, "later than now"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := seal(key, signers, "full", text)
			if test.change != nil {
				test.change(&s)
			}
			sealed := writeBundle(t, t.TempDir(), "evidence", map[string][]byte{"journal.ndjson": text}, s)
			names, text := found(t, sealed.Zip, VerifyOptions{Signers: test.signers, Now: sealedAt.Add(time.Hour)})
			if test.named == "" && len(names) > 0 || test.named != "" && !slices.Contains(names, test.named) || !strings.Contains(text, test.says) {
				t.Errorf("found %q:\n%s", names, text)
			}
		})
	}
}

// Where the signature alone is wrong it alone is named, with what is the matter with
// it, and all else is verified.
func TestSignatureAlone(t *testing.T) {
	sealed, signers := small(t, "full")
	other, _ := newKey(t)
	for name, test := range map[string]struct {
		change func(signature, manifest []byte) ([]byte, error)
		says   string
	}{
		"wrong key":       {func(_, m []byte) ([]byte, error) { return other.Sign(namespace, m) }, "wrong key: it is none of those that may sign"},
		"wrong namespace": {func(_, m []byte) ([]byte, error) { return other.Sign("git", m) }, "wrong namespace: "},
		"other content":   {func(_, m []byte) ([]byte, error) { return other.Sign(namespace, m[1:]) }, "the signature is over other content"},
		"cut":             {func(s, _ []byte) ([]byte, error) { return s[:len(s)/2], nil }, "the file is damaged: it is no signature: "},
		"empty":           {func(_, _ []byte) ([]byte, error) { return nil, nil }, "the file is damaged: it is no signature: "},
		"a sign changed":  {func(s, _ []byte) ([]byte, error) { return bytes.Replace(s, []byte("U1NI"), []byte("U1NJ"), 1), nil }, "the file is damaged: it is no signature: "},
		"something else":  {func(_, m []byte) ([]byte, error) { return m, nil }, "the file is damaged: it is no signature: "},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string][]byte{}
			for name, content := range contents(t, sealed.Dir) {
				files[name] = []byte(content)
			}
			var err error
			if files[signatureName], err = test.change(files[signatureName], files[tagManifestName]); err != nil {
				t.Fatal(err)
			}
			v, err := open(t, forms["folder"](t, files)).Verify(t.Context(), VerifyOptions{Signers: signers})
			if err != nil {
				t.Fatal(err)
			}
			if len(v.Findings) != 1 || v.Findings[0].Name != signatureName || !strings.Contains(v.Findings[0].Problem, test.says) {
				t.Errorf("found %q", v.Findings)
			}
			if v.SignedBy != "" || v.JournalLength != 6 || v.Listed == 0 || v.AsSealed != v.Listed {
				t.Errorf("%+v", v)
			}
		})
	}
}
