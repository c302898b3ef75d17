package mailtest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/mail/mailtest"
)

// testBundle speaks to a server as SendGrid's documentation describes it,
// without the client library.
type testBundle struct {
	*mailtest.Server
	t *testing.T
}

func setup(t *testing.T, config mailtest.CatcherConfig) *testBundle {
	t.Helper()
	if config.APIKey == "" {
		config.APIKey = mailtest.APIKey
	}
	return &testBundle{Server: mailtest.NewServerWith(t, config), t: t}
}

func (b *testBundle) do(method, path, key string, body any) (*http.Response, []byte) {
	b.t.Helper()
	encoded, err := json.Marshal(body)
	require.NoError(b.t, err)
	request, err := http.NewRequestWithContext(b.t.Context(), method, b.URL+path, bytes.NewReader(encoded))
	require.NoError(b.t, err)
	request.Header.Set("Content-Type", "application/json")
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(b.t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(b.t, err)
	return response, answer
}

type object = map[string]any

// mailDocument is a valid request; change edits it.
func mailDocument(change func(object)) object {
	document := object{
		"from":             object{"email": "care@example.com", "name": "Care"},
		"subject":          "Hello",
		"personalizations": []object{{"to": []object{{"email": "ada@example.org", "name": "Ada"}}}},
		"content":          []object{{"type": "text/plain", "value": "Hi https://a.example/x"}, {"type": "text/html", "value": `<a href="https://a.example/x">x</a>`}},
		"custom_args":      object{"key": "tenant/1/STEP"},
		"tracking_settings": object{
			"click_tracking": object{"enable": false, "enable_text": false}, "open_tracking": object{"enable": false},
		},
	}
	if change != nil {
		change(document)
	}
	return document
}

func TestSendIsTakenAndShown(t *testing.T) {
	t.Parallel()
	b := setup(t, mailtest.CatcherConfig{})
	response, body := b.do("POST", "/v3/mail/send", mailtest.APIKey, mailDocument(nil))
	require.Equal(t, http.StatusAccepted, response.StatusCode, string(body))
	require.Empty(t, body)
	id := response.Header.Get("X-Message-Id")
	require.Len(t, id, 22)

	_, body = b.do("GET", "/messages", "", nil)
	var listed []object
	require.NoError(t, json.Unmarshal(body, &listed))
	require.Len(t, listed, 1)
	wanted := object{
		"id": id, "to": "ada@example.org", "subject": "Hello",
		"text": "Hi https://a.example/x", "html": `<a href="https://a.example/x">x</a>`,
	}
	for key, want := range wanted {
		require.Equal(t, want, listed[0][key], key)
	}
	_, body = b.do("GET", "/messages/"+id, "", nil)
	require.JSONEq(t, string(must(json.Marshal(listed[0]))), string(body))

	response, _ = b.do("DELETE", "/messages", "", nil)
	require.Equal(t, http.StatusNoContent, response.StatusCode)
	_, body = b.do("GET", "/messages", "", nil)
	require.JSONEq(t, "[]", string(body))
	response, _ = b.do("GET", "/messages/"+id, "", nil)
	require.Equal(t, http.StatusNotFound, response.StatusCode)
}

func must(data []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return data
}

func TestSendRefusesAsSendGridDoes(t *testing.T) {
	t.Parallel()
	b := setup(t, mailtest.CatcherConfig{})
	to := func(address string) func(object) {
		return func(d object) { d["personalizations"] = []object{{"to": []object{{"email": address}}}} }
	}
	cases := map[string]struct {
		key    string
		change func(object)
		status int
		field  any
	}{
		"no key":               {status: 401},
		"wrong key":            {key: "SG.other", status: 401},
		"no from":              {key: mailtest.APIKey, change: func(d object) { delete(d, "from") }, status: 400, field: "from.email"},
		"bad from":             {key: mailtest.APIKey, change: func(d object) { d["from"] = object{"email": "x"} }, status: 400, field: "from.email"},
		"no recipient":         {key: mailtest.APIKey, change: func(d object) { delete(d, "personalizations") }, status: 400, field: "personalizations"},
		"empty to":             {key: mailtest.APIKey, change: func(d object) { d["personalizations"] = []object{{}} }, status: 400, field: "personalizations.0.to"},
		"name and address":     {key: mailtest.APIKey, change: to("Bob <a@b.cc>"), status: 400, field: "personalizations.0.to.0.email"},
		"undotted domain":      {key: mailtest.APIKey, change: to("a@b"), status: 400, field: "personalizations.0.to.0.email"},
		"other script":         {key: mailtest.APIKey, change: to("å@b.cc"), status: 400, field: "personalizations.0.to.0.email"},
		"no subject":           {key: mailtest.APIKey, change: func(d object) { d["subject"] = "" }, status: 400, field: "subject"},
		"subject with newline": {key: mailtest.APIKey, change: func(d object) { d["subject"] = "a\r\nBcc: x@y.zz" }, status: 400, field: "subject"},
		"no content":           {key: mailtest.APIKey, change: func(d object) { d["content"] = []object{} }, status: 400, field: "content"},
		"empty content":        {key: mailtest.APIKey, change: func(d object) { d["content"] = []object{{"type": "text/plain"}} }, status: 400, field: "content.0.value"},
		"not a document":       {key: mailtest.APIKey, change: func(d object) { d["subject"] = 7 }, status: 400},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			response, body := b.do("POST", "/v3/mail/send", tc.key, mailDocument(tc.change))
			require.Equal(t, tc.status, response.StatusCode, string(body))
			var answer struct {
				Errors []object `json:"errors"`
			}
			require.NoError(t, json.Unmarshal(body, &answer))
			require.Len(t, answer.Errors, 1)
			require.NotEmpty(t, answer.Errors[0]["message"])
			require.Equal(t, tc.field, answer.Errors[0]["field"])
			require.Contains(t, answer.Errors[0], "help")
		})
	}
	require.Empty(t, b.Messages())
}

func TestTrackingIsOnUnlessSwitchedOff(t *testing.T) {
	t.Parallel()
	b := setup(t, mailtest.CatcherConfig{})
	b.do("POST", "/v3/mail/send", mailtest.APIKey, mailDocument(func(d object) { delete(d, "tracking_settings") }))
	html := b.Messages()[0].HTML
	require.NotContains(t, html, "https://a.example/x")
	require.Contains(t, html, "ct.sendgrid.net/ls/click")
	require.Contains(t, html, "<img")
}

func TestActivityFindsByCustomArgument(t *testing.T) {
	t.Parallel()
	b := setup(t, mailtest.CatcherConfig{})
	response, _ := b.do("POST", "/v3/mail/send", mailtest.APIKey, mailDocument(nil))
	id := response.Header.Get("X-Message-Id")
	cases := map[string]int{
		`unique_args['key']="tenant/1/STEP"`:                           1,
		`(unique_args['key']="tenant/1/STEP")`:                         1,
		`unique_args['key']="tenant/2/STEP"`:                           0,
		`unique_args['other']="tenant/1/STEP"`:                         0,
		`to_email="ada@example.org" AND unique_args['key']="x"`:        0,
		`to_email="ada@example.org" AND from_email="care@example.com"`: 1,
		`msg_id LIKE '` + id + `%'`:                                    1,
		`msg_id LIKE 'other%'`:                                         0,
		`msg_id="` + id + `"`:                                          0,
		`msg_id="` + b.activityID(`to_email="ada@example.org"`) + `"`:  1,
		``: 1,
	}
	for query, want := range cases {
		response, body := b.do("GET", "/v3/messages?limit=10&query="+url.QueryEscape(query), mailtest.APIKey, nil)
		require.Equal(t, http.StatusOK, response.StatusCode, query)
		require.Len(t, activityOf(t, body), want, query)
	}
	for _, path := range []string{"?query=" + url.QueryEscape(`nonsense`), "?query=" + url.QueryEscape(`colour="red"`), "?limit=0", "?limit=1001", "?limit=x"} {
		response, _ := b.do("GET", "/v3/messages"+path, mailtest.APIKey, nil)
		require.Equal(t, http.StatusBadRequest, response.StatusCode, path)
	}
	response, _ = b.do("GET", "/v3/messages", "SG.other", nil)
	require.Equal(t, http.StatusUnauthorized, response.StatusCode)
}

func (b *testBundle) activityID(query string) string {
	b.t.Helper()
	_, body := b.do("GET", "/v3/messages?query="+url.QueryEscape(query), mailtest.APIKey, nil)
	found := activityOf(b.t, body)
	require.Len(b.t, found, 1)
	return found[0]["msg_id"].(string)
}

func activityOf(t *testing.T, body []byte) []object {
	t.Helper()
	var answer struct {
		Messages []object `json:"messages"`
	}
	require.NoError(t, json.Unmarshal(body, &answer), string(body))
	return answer.Messages
}

func TestActivityCanLagOrBeMissing(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 8, 14, 12, 0, 0, 0, time.UTC)
	b := setup(t, mailtest.CatcherConfig{Clock: func() time.Time { return now }})
	b.DelayActivity(time.Minute)
	b.do("POST", "/v3/mail/send", mailtest.APIKey, mailDocument(nil))
	_, body := b.do("GET", "/v3/messages", mailtest.APIKey, nil)
	require.Empty(t, activityOf(t, body))
	now = now.Add(time.Minute)
	_, body = b.do("GET", "/v3/messages", mailtest.APIKey, nil)
	require.Len(t, activityOf(t, body), 1)
	b.DenyActivity()
	response, _ := b.do("GET", "/v3/messages", mailtest.APIKey, nil)
	require.Equal(t, http.StatusForbidden, response.StatusCode)
}

func TestMailSurvivesRestartAndTornLine(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "mail.jsonl")
	first := setup(t, mailtest.CatcherConfig{DataFile: file})
	first.do("POST", "/v3/mail/send", mailtest.APIKey, mailDocument(nil))
	kept := first.Messages()
	require.NoError(t, first.Close())

	torn, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = torn.WriteString(`{"id":"half","subj`)
	require.NoError(t, err)
	require.NoError(t, torn.Close())

	second := setup(t, mailtest.CatcherConfig{DataFile: file})
	require.Equal(t, kept, second.Messages())
	second.do("POST", "/v3/mail/send", mailtest.APIKey, mailDocument(nil))
	require.NoError(t, second.Close())

	third := setup(t, mailtest.CatcherConfig{DataFile: file})
	require.Len(t, third.Messages(), 2, "a mail after the torn line is whole")
	third.do("DELETE", "/messages", "", nil)
	require.NoError(t, third.Close())
	require.Empty(t, setup(t, mailtest.CatcherConfig{DataFile: file}).Messages())
}

func TestDamagedDataFileIsNamed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "mail.jsonl")
	require.NoError(t, os.WriteFile(file, []byte("{}\nnonsense\n{}\n"), 0o600))
	_, err := mailtest.NewCatcher(mailtest.CatcherConfig{DataFile: file, APIKey: "k"})
	require.ErrorContains(t, err, file+" line 2")
	_, err = mailtest.NewCatcher(mailtest.CatcherConfig{})
	require.ErrorContains(t, err, "APIKey")
}

func TestPagesShowMailAndKeepItContained(t *testing.T) {
	t.Parallel()
	b := setup(t, mailtest.CatcherConfig{})
	response, body := b.do("GET", "/", "", nil)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Contains(t, string(body), "No mail yet")

	hostile := `<html><head></head><body><script>alert(1)</script></body></html>`
	response, _ = b.do("POST", "/v3/mail/send", mailtest.APIKey, mailDocument(func(d object) {
		d["subject"] = `<script>alert(1)</script>`
		d["content"] = []object{{"type": "text/plain", "value": "<b>plain</b>"}, {"type": "text/html", "value": hostile}}
	}))
	id := response.Header.Get("X-Message-Id")

	_, body = b.do("GET", "/", "", nil)
	require.NotContains(t, string(body), "<script>alert")
	require.Contains(t, string(body), "/view/"+id)
	_, body = b.do("GET", "/view/"+id, "", nil)
	require.NotContains(t, string(body), "<script>alert")
	require.Contains(t, string(body), "&lt;b&gt;plain")
	require.Contains(t, string(body), `sandbox="allow-popups allow-popups-to-escape-sandbox"`)
	require.NotContains(t, strings.ReplaceAll(string(body), "http-equiv", ""), "http", "no outside assets")

	response, body = b.do("GET", "/view/"+id+"/html", "", nil)
	require.Contains(t, response.Header.Get("Content-Security-Policy"), "sandbox allow-popups")
	require.NotContains(t, response.Header.Get("Content-Security-Policy"), "allow-scripts")
	require.Contains(t, string(body), `<head><base target="_blank">`)

	response, _ = b.do("GET", "/view/none", "", nil)
	require.Equal(t, http.StatusNotFound, response.StatusCode)
}
