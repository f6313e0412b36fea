package evidence

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// VerifyOptions is what the one who checks has from elsewhere, all of it optional.
type VerifyOptions struct {
	// Signers is allowed_signers, got by another way than the bundle; without it that
	// of the bundle is taken, which shows that somebody has signed, and not who.
	Signers []byte
	// Anchors are hashes of lines of the journal, or their first 12 digits and more,
	// as old mails and the feet of PDF files have them; 37:HASH means line 37.
	Anchors []string
	Roots   []byte    // certificates (PEM) of time-stamping servers; else the bundle's
	Now     time.Time // the bundle must not be of later; zero: not looked at
	// Progress, if there is one, is told how many bytes of how many are read, one
	// call at a time.
	Progress func(done, total int64)
}

// Verification is what a check has shown. Without findings all is as it was sealed.
type Verification struct {
	Findings []Finding `json:"findings"`
	Files    int       `json:"files"` // of the payload, as they are there, and their bytes
	Bytes    int64     `json:"bytes"`
	Listed   int       `json:"listed"` // in the manifests, and so many of them as these have them
	AsSealed int       `json:"as_sealed"`
	// Of a signature that is good: whose it is by allowed_signers, with which key.
	Signer        string    `json:"signer"`
	Fingerprint   string    `json:"fingerprint"`
	Namespace     string    `json:"namespace"`
	SignedBy      string    `json:"signed_by"`        // the same as a line for people
	Stamped       time.Time `json:"stamped,omitzero"` // when the signature was there, by a good time stamp
	JournalLength int64     `json:"journal_length"`   // of a whole chain
	JournalHead   string    `json:"journal_head"`
	AnchorsFound  []Anchor  `json:"anchors_found"`
	Notes         []string  `json:"notes"` // what was not checked, or by what
}

// Anchor is an anchor as it was given, and the line of the journal that it is of.
type Anchor struct {
	Given  string `json:"given"`
	Line   int64  `json:"line"`
	SHA256 string `json:"sha256"`
}

// verifier is one check.
type verifier struct {
	*Verification
	b *Bundle
	o VerifyOptions
}

func (v *verifier) find(name, format string, args ...any) {
	v.Findings = append(v.Findings, Finding{show(name), fmt.Sprintf(format, args...)})
}

func (v *verifier) note(format string, args ...any) {
	v.Notes = append(v.Notes, fmt.Sprintf(format, args...))
}

// Verify checks everything in the bundle: each file against the manifests, these
// against the signature, the signature's time stamp, bag-info.txt against the
// payload, the journal's chain, and that against the anchors. What is not as it
// was sealed is a finding and no error; an error is what cannot be read, or an
// option that is not understood.
func (b *Bundle) Verify(ctx context.Context, o VerifyOptions) (*Verification, error) {
	v := &verifier{&Verification{Findings: []Finding{}, AnchorsFound: []Anchor{}, Notes: []string{}}, b, o}
	anchors, err := parseAnchors(o.Anchors)
	if err == nil {
		err = v.signature()
	}
	if err == nil {
		err = v.files(ctx)
	}
	if err == nil {
		err = v.journal(ctx, anchors)
	}
	if err != nil {
		return nil, fmt.Errorf("verify %s: %w", b.base, err)
	}
	return v.Verification, nil
}

// read returns a file beside the payload; nil where there is none, or one that cannot
// be read back, which is found elsewhere.
func (v *verifier) read(name string) ([]byte, error) {
	size, ok := v.b.sizes[name]
	if !ok || size > maxLists {
		return nil, nil
	}
	text, err := fs.ReadFile(v.b, name)
	if damaged(err) {
		return nil, nil
	}
	return text, err
}

// signature checks the time stamp, then the signature at the time of that.
func (v *verifier) signature() error {
	tagManifest, err := v.read(tagManifestName)
	sig, err2 := v.read(signatureName)
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	run, err := time.Parse("20060102T150405Z", v.b.info.Value("Run"))
	if err != nil {
		v.find(infoName, "Run is no time")
	}
	if !v.o.Now.IsZero() && run.After(v.o.Now.Add(clockSlack)) {
		v.find(infoName, "Run, the time of the sealing, is later than now: %s", v.b.info.Value("Run"))
	}
	if sig == nil {
		v.find(signatureName, "missing: the bundle is not signed")
		return nil
	}
	if err := v.stamp(sig, run); err != nil {
		return err
	}
	if v.Stamped.IsZero() {
		v.note("no time stamp: the time of the signature is the signer's own word")
	}
	return v.signer(tagManifest, sig, cmp.Or(v.Stamped, run))
}

// clockSlack is how far two clocks may differ that are right enough.
const clockSlack = 10 * time.Minute

// signer checks whose signature it is, and whether the key was valid at that time.
func (v *verifier) signer(tagManifest, sig []byte, at time.Time) error {
	info := v.b.info
	v.Namespace = info.Value("Namespace")
	if want, err := Namespace(info.Value("Signer")); err != nil || want != v.Namespace {
		v.find(infoName, "Namespace is %q, and Signer %q", v.Namespace, info.Value("Signer"))
	}
	signers, by := v.o.Signers, "the allowed_signers that was given"
	if signers == nil {
		by = "the bundle's own allowed_signers"
		var err error
		if signers, err = v.read(signersName); err != nil {
			return err
		}
		v.note("whose key it is says the bundle's own allowed_signers: compare the fingerprint with one from elsewhere")
	}
	found, err := checkSignature(signers, v.Namespace, tagManifest, sig, at)
	_, unread := errors.AsType[*keyError](err)
	switch {
	case err == nil && found.Identity != info.Value("Signer"):
		v.find(signatureName, "it is of %s, and bag-info.txt says of %s", found.Identity, info.Value("Signer"))
	case err == nil:
		v.Signer, v.Fingerprint = found.Identity, found.Fingerprint
		v.SignedBy = fmt.Sprintf("%s, key %s, by %s", found.Identity, found.Fingerprint, by)
	case errors.Is(err, errBrokenSignature):
		v.find(signatureName, "it does not sign this %s, one of the two was altered: %v", tagManifestName, err)
	case errors.Is(err, errUnknownKey):
		v.find(signatureName, "%v, by %s", err, by)
	case unread && v.o.Signers != nil:
		return err
	case unread:
		v.find(signersName, "%v", err)
	default:
		v.find(signatureName, "%v", err)
	}
	return nil
}

// stamp checks the time stamp of the signature, if there is or should be one.
func (v *verifier) stamp(sig []byte, run time.Time) error {
	response, err := v.read(stampName)
	if err != nil {
		return err
	}
	roots := v.o.Roots
	if roots == nil {
		if roots, err = v.read(rootsName); err != nil {
			return err
		}
	}
	listed := slices.ContainsFunc(v.b.tags, func(f File) bool { return f.Path == rootsName })
	switch {
	case response == nil && listed:
		v.find(stampName, "missing: %s says that there was a time stamp", rootsName)
		return nil
	case response == nil:
		return nil
	case !listed:
		v.find(stampName, "added: no %s was sealed with it", rootsName)
		return nil
	case roots == nil:
		v.note("the time stamp was not checked: there is no certificate to check it by")
		return nil
	case v.o.Roots == nil:
		v.note("whose time stamp it is says the bundle's own %s", rootsName)
	}
	at, err := CheckTimestamp(response, sig, roots)
	if err != nil {
		v.find(stampName, "%v", err)
		return nil
	}
	v.Stamped = at
	if apart := at.Sub(run).Abs(); apart > clockSlack {
		v.note("the time stamp is of %s, and bag-info.txt says sealed at %s",
			at.Format(time.RFC3339), run.Format(time.RFC3339))
	}
	return nil
}

// files compares what is there with the manifests.
func (v *verifier) files(ctx context.Context) error {
	sums, err := v.sums(ctx)
	if err != nil {
		return err
	}
	listed := slices.Concat(v.b.tags, v.b.manifest)
	v.Listed = len(listed)
	had := map[string]string{} // which file is sealed with these bytes
	known := map[string]bool{tagManifestName: true, signatureName: true, stampName: true}
	for _, f := range listed {
		had[f.SHA256] = f.Path
		known[f.Path] = true
	}
	for _, f := range listed {
		switch s := sums[f.Path]; {
		case s.problem != "":
			v.find(f.Path, "%s", s.problem)
		case s.sha256 == "":
			v.find(f.Path, "missing")
		case s.sha256 != f.SHA256:
			v.find(f.Path, "altered: its SHA-256 is %s, and %s was sealed%s", s.sha256, f.SHA256, whose(had[s.sha256]))
		default:
			v.AsSealed++
		}
	}
	for _, name := range sortedKeys(v.b.sizes) {
		if !known[name] {
			v.find(name, "added: no manifest has it%s", whose(had[sums[name].sha256]))
		}
		if strings.HasPrefix(name, "data/") {
			v.Files++
			v.Bytes += v.b.sizes[name]
		}
	}
	if oxum := fmt.Sprintf("%d.%d", v.Bytes, v.Files); oxum != v.b.info.Value("Payload-Oxum") {
		v.find(infoName, "Payload-Oxum is %s, and the payload's bytes and files are %s",
			v.b.info.Value("Payload-Oxum"), oxum)
	}
	return nil
}

// whose tells where the bytes of a file were that are not its own.
func whose(name string) string {
	if name == "" {
		return ""
	}
	return "; it has what " + name + " had"
}

// summed is the SHA-256 of a file in hex, or why there is none.
type summed struct{ sha256, problem string }

// sums hashes the files side by side, the largest first.
func (v *verifier) sums(ctx context.Context) (map[string]summed, error) {
	names := sortedKeys(v.b.sizes)
	slices.SortStableFunc(names, func(x, y string) int { return cmp.Compare(v.b.sizes[y], v.b.sizes[x]) })
	p := progress{tell: v.o.Progress}
	for _, size := range v.b.sizes {
		p.total += size
	}
	queue := make(chan string, len(names))
	for _, name := range names {
		queue <- name
	}
	close(queue)
	var workers sync.WaitGroup
	var mu sync.Mutex
	sums := map[string]summed{}
	var failed error
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for name := range queue {
				sum := newSummer()
				sum.to = &p
				err := v.b.sum(ctx, name, sum)
				s := summed{sha256: hex.EncodeToString(sum.sha.Sum(nil))}
				refused, ok := errors.AsType[*Refused](err)
				if ok {
					s.problem = refused.Problem
				}
				mu.Lock()
				if sums[name] = s; err != nil && !ok && failed == nil {
					failed = err
					cancel()
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return sums, failed
}

// progress counts the bytes of all files.
type progress struct {
	mu          sync.Mutex
	done, total int64
	tell        func(done, total int64)
}

func (p *progress) Write(b []byte) (int, error) {
	if p.tell == nil {
		return len(b), nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += int64(len(b))
	p.tell(p.done, p.total)
	return len(b), nil
}
