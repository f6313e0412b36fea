package cloud

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	type holder struct {
		S Secret
		P *Secret
		M map[string]Secret
	}
	s := Secret(testSecret)
	h := holder{s, &s, map[string]Secret{"key": s}}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%e", "%c", "%U", "%5.2s", "%T"} {
		fmt.Fprintf(&out, verb+"\n", s)
		fmt.Fprintf(&out, verb+"\n", h)
		fmt.Fprintf(&out, verb+"\n", &h)
	}
	j, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(j)
	for _, log := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(log).Info("x", "secret", s, "holder", h, slog.Group("g", "s", s))
	}
	out.WriteString(fmt.Sprint(s, h) + s.String() + s.GoString())
	for _, piece := range []string{testSecret, fmt.Sprintf("%x", testSecret), testSecret[:6]} {
		if strings.Contains(strings.ToLower(out.String()), strings.ToLower(piece)) {
			t.Errorf("%q is printed:\n%s", piece, out.String())
		}
	}
}

func TestNewRefuses(t *testing.T) {
	good := Config{URL: "https://cloud.example", ClientID: "id", ClientSecret: "secret"}
	tests := []struct {
		name   string
		change func(*Config)
		want   string // "" for none
	}{
		{"nothing wrong", func(*Config) {}, ""},
		{"trailing slash and white space", func(c *Config) { c.URL = " https://cloud.example/\n" }, ""},
		{"port", func(c *Config) { c.URL = "https://cloud.example:8443" }, ""},
		{"http to localhost", func(c *Config) { c.URL = "http://localhost:8080" }, ""},
		{"http to 127.0.0.1", func(c *Config) { c.URL = "http://127.0.0.1:8080" }, ""},
		{"http to ::1", func(c *Config) { c.URL = "http://[::1]:8080" }, ""},
		{"http elsewhere", func(c *Config) { c.URL = "http://cloud.example" }, `url of host "cloud.example" is not https`},
		{"http to a name that begins like loopback", func(c *Config) { c.URL = "http://127.0.0.1.example" }, "not https"},
		{"no url", func(c *Config) { c.URL = " " }, "url is empty"},
		{"no scheme", func(c *Config) { c.URL = "cloud.example" }, "https://host"},
		{"other scheme", func(c *Config) { c.URL = "ftp://cloud.example" }, "not https"},
		{"path", func(c *Config) { c.URL = "https://cloud.example/v1.0" }, "more than scheme"},
		{"query", func(c *Config) { c.URL = "https://cloud.example?a=b" }, "more than scheme"},
		{"user", func(c *Config) { c.URL = "https://user:hunter2@cloud.example" }, "more than scheme"},
		{"no client id", func(c *Config) { c.ClientID = "\n" }, "client id is empty"},
		{"no secret", func(c *Config) { c.ClientSecret = " " }, "client secret is empty"},
		{"client id of two lines", func(c *Config) { c.ClientID = "a\r\nb" }, "client id holds"},
		{"get params", func(c *Config) { c.GetParams = "both" }, `"both"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := good
			tt.change(&c)
			_, err := New(c)
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("New = %v, want %s", err, tt.want)
			}
		})
	}
	if _, err := New(Config{GetParams: "x"}); err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("New gives not all faults at once: %v", err)
	}
}

func TestCredentialsAreTrimmed(t *testing.T) {
	g := &gateway{answer: sequence(ok(`[]`))}
	c, err := New(Config{URL: "https://cloud.example", ClientID: " " + testID + "\n", ClientSecret: "\t" + testSecret + "\r\n", Transport: g})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Call(t.Context(), "match-auth-structure", project); err != nil || len(g.faults) > 0 {
		t.Error(err, g.faults)
	}
}

func TestRegion(t *testing.T) {
	for code, want := range map[string]string{
		"cn": "https://openapi.tuyacn.com", "us": "https://openapi.tuyaus.com", "us-e": "https://openapi-ueaz.tuyaus.com",
		"ueaz": "https://openapi-ueaz.tuyaus.com", "eu": "https://openapi.tuyaeu.com", "eu-w": "https://openapi-weaz.tuyaeu.com",
		"weaz": "https://openapi-weaz.tuyaeu.com", "in": "https://openapi.tuyain.com", "sg": "https://openapi-sg.iotbing.com", " EU ": "https://openapi.tuyaeu.com",
	} {
		got, ok := Region(code)
		if !ok || got != want || CheckURL(got) != nil {
			t.Errorf("Region(%q) = %q, %t", code, got, ok)
		}
	}
	if _, ok := Region("moon"); ok {
		t.Error("there is a data centre on the moon")
	}
}
