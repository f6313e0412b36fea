package cloud

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// hidden stands wherever a Secret would be printed.
const hidden = "[secret]"

// Secret is text that no log, error or file may show: whatever prints it prints
// "[secret]". Converting it to string gives the text.
type Secret string

// String gives "[secret]".
func (Secret) String() string { return hidden }

// GoString gives "[secret]".
func (Secret) GoString() string { return hidden }

// LogValue gives "[secret]".
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText gives "[secret]", so JSON and YAML show no more than a log does.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Format prints "[secret]" for every verb. String alone is not enough: fmt
// prints the bare text for a verb that does not fit, such as %d.
func (Secret) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(hidden)) }

// Config is what [New] needs to know. URL, ClientID and ClientSecret are
// required; white space around them is dropped, for it comes with copying from
// a web page and would only show as a wrong signature.
type Config struct {
	// URL is the base URL of the project's data centre, see [Region]. It is
	// https, or http to this machine alone.
	URL          string
	ClientID     string
	ClientSecret Secret

	// Rate is the most requests that may start in a second; 5 if not positive.
	// The client goes slower by itself when the cloud asks for it.
	Rate float64

	// Parallel is the most requests that may be in flight: 2 if not positive, at
	// most 64.
	Parallel int

	// GetParams says how parameters of GET operations travel: "body", "query",
	// or "auto" (also ""), which tries a body first and the query when the
	// cloud misses parameters, and remembers what worked for each operation.
	GetParams string

	// Lang is the language of the cloud's messages ("en", "zh"), "en" if empty.
	Lang string

	// Transport carries the requests; nil makes one with timeouts of its own.
	Transport http.RoundTripper

	// Log gets a debug line for each attempt and an info line for each repeat;
	// nil discards them.
	Log *slog.Logger

	// Now is the local clock, [time.Now] if nil.
	Now func() time.Time

	// Observe is told of every HTTP attempt, also of failed ones and of those
	// that fetch a token. It is called from several goroutines at once.
	Observe func(Attempt)
}

// Attempt is one HTTP request and what came of it.
type Attempt struct {
	Operation  string         // "token" where a token was fetched
	Params     map[string]any // as the caller gave them, with page and pageSize; not to be changed
	Number     int            // 1 for the first try of a call
	HTTPStatus int            // 0 when no answer came
	Code       int            // the cloud's code, 0 on success
	TID        string         // the cloud's id of the request
	T          int64          // the cloud's time in ms, 0 when absent
	Took       time.Duration
	Body       []byte // as received; nil when none came and for tokens
	Err        error  // nil on success
}

var regions = map[string]string{
	"cn":   "https://openapi.tuyacn.com",
	"us":   "https://openapi.tuyaus.com",
	"us-e": "https://openapi-ueaz.tuyaus.com",
	"ueaz": "https://openapi-ueaz.tuyaus.com",
	"eu":   "https://openapi.tuyaeu.com",
	"eu-w": "https://openapi-weaz.tuyaeu.com",
	"weaz": "https://openapi-weaz.tuyaeu.com",
	"in":   "https://openapi.tuyain.com",
	"sg":   "https://openapi-sg.iotbing.com",
}

// Region gives the base URL of a data centre: cn, us, us-e (or ueaz), eu, eu-w
// (or weaz), in, sg.
func Region(code string) (baseURL string, ok bool) {
	baseURL, ok = regions[strings.ToLower(strings.TrimSpace(code))]
	return baseURL, ok
}

// normalise trims c, fills in its defaults and gives all its faults at once.
func (c *Config) normalise() error {
	var faults []error
	c.URL = strings.TrimSuffix(strings.TrimSpace(c.URL), "/")
	if err := CheckURL(c.URL); err != nil {
		faults = append(faults, err)
	}
	c.ClientID = strings.TrimSpace(c.ClientID)
	c.ClientSecret = Secret(strings.TrimSpace(string(c.ClientSecret)))
	if c.ClientID == "" {
		faults = append(faults, errors.New("client id is empty"))
	}
	if c.ClientSecret == "" {
		faults = append(faults, errors.New("client secret is empty"))
	}
	if strings.ContainsFunc(c.ClientID, func(r rune) bool { return r <= ' ' || r > '~' }) {
		faults = append(faults, errors.New("client id holds a character that no client id has"))
	}
	switch c.GetParams {
	case "":
		c.GetParams = "auto"
	case "auto", "body", "query":
	default:
		faults = append(faults, fmt.Errorf("get params %q: not one of auto, body, query", c.GetParams))
	}
	if c.Rate <= 0 {
		c.Rate = 5
	}
	if c.Parallel <= 0 {
		c.Parallel = defaultParallel
	}
	c.Parallel = min(c.Parallel, maxParallel)
	if c.Lang == "" {
		c.Lang = "en"
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Observe == nil {
		c.Observe = func(Attempt) {}
	}
	return errors.Join(faults...)
}

// CheckURL refuses a base URL that would send credentials in the clear or sign a
// path that the cloud does not see.
func CheckURL(s string) error {
	if s == "" {
		return errors.New("url is empty")
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return errors.New("url is not of the form https://host")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" {
		return fmt.Errorf("url of host %q has more than scheme, host and port", u.Host)
	}
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && loopback(u.Hostname()):
	default:
		return fmt.Errorf("url of host %q is not https", u.Host)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
