package cloud

import (
	"testing"
)

// TestSignature has the vectors of the cloud's documentation and of the public
// page that apply: this client signs no headers and knows no version 1.
func TestSignature(t *testing.T) {
	const (
		access = "3f4eda2bdec17232f67c0b188af3eec1"
		at     = "1588925778000"
		issue  = base + "access-auth-task/actions/issue-info"
	)
	tests := []struct {
		name, token, method, path string
		query                     map[string]string
		body, want, sent          string
	}{{
		name: "token", method: "GET", path: "/v1.0/token", query: map[string]string{"grant_type": "1"},
		want: "7BA26C076E5ECB1E959BE274A0FFB397B2B1865FC7BCED8F1C78AC5653C20CAA", sent: "/v1.0/token?grant_type=1",
	}, {
		name: "post", token: access, method: "POST", path: base + "access-auth",
		body: `{"projectId":"1424615984265764","page":1,"pageSize":50}`,
		want: "3771E435FE50818C13881F8B6B0ABCF948FE17B64C0380222588EF2C5AD3F1D8", sent: base + "access-auth",
	}, {
		name: "query in sorted order", token: access, method: "GET", path: issue,
		query: map[string]string{"projectId": "142", "authTaskRecordId": "157"},
		want:  "14AE0394F1B42468CFE33A55D40CB85763D114DC66A5FB12BECAFC3128B0B0DC",
		sent:  issue + "?authTaskRecordId=157&projectId=142",
	}, {
		name: "query signed decoded and sent encoded", token: access, method: "GET", path: rules + "list-auth-person",
		query: map[string]string{"name": "张 三", "page": "1", "pageSize": "20", "projectId": "142"},
		want:  "1BEB90C5BF9C54EBBB9878D0B4B9AF2FBCED34181195E2E94FE01F9A1EBF301B",
		sent:  rules + "list-auth-person?name=%E5%BC%A0%20%E4%B8%89&page=1&pageSize=20&projectId=142",
	}, {
		name: "get with a body", token: access, method: "GET", path: issue,
		body: `{"authTaskRecordId":"157","projectId":"142"}`,
		want: "1BD2C2E8AEF8402B2250D91AB2E171DEC357175DA0B6696656E001A33CC4586A", sent: issue,
	}, {
		name: "public page", token: access, method: "POST", path: "/v1.0/devices/bf2c1e00ab0f12face/commands",
		body: `{"commands":[{"code":"switch_led","value":false}]}`,
		want: "F27DD95A15E84C954DB2ED016096D517681FE79853B6CDAD446927352691804E",
		sent: "/v1.0/devices/bf2c1e00ab0f12face/commands",
	}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			signedURL, sent := target(tt.path, tt.query)
			if sent != tt.sent {
				t.Errorf("sent %q, want %q", sent, tt.sent)
			}
			if got := signature(testSecret, testID+tt.token+at, tt.method, signedURL, []byte(tt.body)); got != tt.want {
				t.Errorf("signature = %s, want %s", got, tt.want)
			}
		})
	}
}

// TestMessageVectors checks that the client itself sends what the vectors sign.
func TestMessageVectors(t *testing.T) {
	params := map[string]any{"projectId": "142", "authTaskRecordId": "157"}
	op, _ := Lookup("access-auth-task/actions/issue-info")
	for _, tt := range []struct {
		name  string
		form  form
		body  string
		query string
	}{
		{"body", formBody, `{"authTaskRecordId":"157","projectId":"142"}`, ""},
		{"query", formQuery, "", "?authTaskRecordId=157&projectId=142"},
	} {
		m, err := op.message(params, tt.form)
		if err != nil || string(m.body) != tt.body || m.signed != op.Path+tt.query || m.sent != m.signed {
			t.Errorf("%s: message = %q %+v, %v", tt.name, m.body, m, err)
		}
	}
}
