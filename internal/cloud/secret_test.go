package cloud

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// TestNothingSecretIsToldOrLogged drives every kind of answer, with the secrets
// echoed in each place that an error or a log could take them from.
func TestNothingSecretIsToldOrLogged(t *testing.T) {
	const first = "00000000000000000000000000000001"
	replies := []string{
		`{"success":false,"code":1000,"msg":"ECHO"}`, `{"success":false,"code":1000,"tid":"ECHO"}`, "403 ECHO", "404 <html>ECHO</html>",
		"502 ECHO", "200 ECHO", `{"result":{"list":[{"name":"ECHO`, `{"result":"ECHO","success":true}`, ok(items(0, 1, 1)),
	}
	var out bytes.Buffer
	for _, reply := range replies {
		for _, token := range []string{"", `{"result":{"access_token":"` + first, `{"success":false,"code":1004,"msg":"` + testSecret + `"}`} {
			synctest.Test(t, func(t *testing.T) {
				g := &gateway{}
				if token != "" {
					g.token = func(int) (int, string) { return http.StatusOK, token }
				}
				var signs []string
				g.answer = func(_ int, r *http.Request, _ string) (int, string) {
					signs = append(signs, r.Header.Get("sign"))
					echo := strings.Join([]string{first, testSecret, r.Header.Get("sign")}, " ")
					status, body := sequence(reply)(1, r, "")
					return status, strings.ReplaceAll(body, "ECHO", echo)
				}
				c := g.client(t, Config{
					Log: slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})),
					Observe: func(a Attempt) {
						if a.Operation == "token" && a.Body != nil {
							t.Error("the answer with the token is shown")
						}
						fmt.Fprintln(&out, a.Err)
					},
				})
				_, err := c.Call(t.Context(), "access-auth", map[string]any{"projectId": "142", "name": "Jane Invented"})
				fmt.Fprintf(&out, "%v %+v %#v\n", err, err, err)
				if e, ok := errors.AsType[*Error](err); ok {
					fmt.Fprintln(&out, e.Hint())
				}
				fmt.Fprintf(&out, "%+v %#v %+v\n", c, c, c.Reader())
				for _, s := range signs {
					if strings.Contains(out.String(), s) {
						t.Errorf("a signature is shown for %s", reply)
					}
				}
			})
		}
	}
	for _, secret := range []string{first, testSecret, "Jane Invented"} {
		if i := strings.Index(out.String(), secret); i >= 0 {
			t.Errorf("%q is shown: %s", secret, out.String()[max(0, i-300):i])
		}
	}
	if !strings.Contains(out.String(), "[secret]") || !strings.Contains(out.String(), `"endpoint":"access-auth"`) {
		t.Error("the test sees nothing")
	}
}
