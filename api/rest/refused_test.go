package rest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tenant-provisioning/api/rest"
)

// changed is a good request with one field replaced by raw JSON.
func changed(field, raw string) string {
	fields := map[string]json.RawMessage{
		"name": json.RawMessage(`"Charité"`), "adminEmail": json.RawMessage(`"ada@hospital.example"`),
		"adminFirstName": json.RawMessage(`"Ada"`), "adminLastName": json.RawMessage(`"Lovelace"`),
	}
	fields[field] = json.RawMessage(raw)
	parts := make([]string, 0, len(fields))
	for name, value := range fields {
		parts = append(parts, fmt.Sprintf("%q: %s", name, value))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func TestRefusedTenants(t *testing.T) {
	t.Parallel()
	b := setup(t)
	quoted := func(s string) string { return `"` + s + `"` }
	for name, c := range map[string]struct {
		body     string
		status   int
		code     rest.Code
		location string
	}{
		"name of 2":                {changed("name", `"ab"`), 422, rest.CodeInvalid, "body.name"},
		"name of 2 with spaces":    {changed("name", `"  ab  "`), 422, rest.CodeInvalid, "body.name"},
		"name of 101":              {changed("name", quoted(strings.Repeat("ö", 101))), 422, rest.CodeInvalid, "body.name"},
		"name of spaces":           {changed("name", `"      "`), 422, rest.CodeInvalid, "body.name"},
		"name of no-break spaces":  {changed("name", `"\u00a0\u00a0\u00a0\u00a0"`), 422, rest.CodeInvalid, "body.name"},
		"name of invisible signs":  {changed("name", `"\u200b\u200b\u200b\u200b"`), 422, rest.CodeInvalid, "body.name"},
		"name with NUL":            {changed("name", `"Char\u0000ité"`), 422, rest.CodeInvalid, "body.name"},
		"name with a line break":   {changed("name", `"Charité\nBerlin"`), 422, rest.CodeInvalid, "body.name"},
		"name with DEL":            {changed("name", `"Charité\u007f!"`), 422, rest.CodeInvalid, "body.name"},
		"name with an escape":      {changed("name", `"\u001b[31mred"`), 422, rest.CodeInvalid, "body.name"},
		"name missing":             {`{"adminEmail": "a@b.example", "adminFirstName": "A", "adminLastName": "B"}`, 422, rest.CodeInvalid, "body.name"},
		"name null":                {changed("name", `null`), 422, rest.CodeInvalid, "body.name"},
		"name a number":            {changed("name", `12345`), 422, rest.CodeInvalid, "body.name"},
		"name a list":              {changed("name", `["Charité"]`), 422, rest.CodeInvalid, "body.name"},
		"name an object":           {changed("name", `{"en": "Charité"}`), 422, rest.CodeInvalid, "body.name"},
		"address empty":            {changed("adminEmail", `""`), 422, rest.CodeInvalid, "body.adminEmail"},
		"address with a name":      {changed("adminEmail", `"Bob <a@b.c>"`), 422, rest.CodeInvalid, "body.adminEmail"},
		"address at a bare host":   {changed("adminEmail", `"a@b"`), 422, rest.CodeInvalid, "body.adminEmail"},
		"address at an IP":         {changed("adminEmail", `"ada@[127.0.0.1]"`), 422, rest.CodeInvalid, "body.adminEmail"},
		"address with CR LF":       {changed("adminEmail", `"ada@hospital.example\r\nBcc: eve@evil.example"`), 422, rest.CodeInvalid, "body.adminEmail"},
		"address with LF at end":   {changed("adminEmail", `"ada@hospital.example\nx"`), 422, rest.CodeInvalid, "body.adminEmail"},
		"two addresses":            {changed("adminEmail", `"a@b.example, c@d.example"`), 422, rest.CodeInvalid, "body.adminEmail"},
		"address too long":         {changed("adminEmail", quoted(strings.Repeat("a", 250)+"@b.example")), 422, rest.CodeInvalid, "body.adminEmail"},
		"first name empty":         {changed("adminFirstName", `" "`), 422, rest.CodeInvalid, "body.adminFirstName"},
		"last name of 101":         {changed("adminLastName", quoted(strings.Repeat("x", 101))), 422, rest.CodeInvalid, "body.adminLastName"},
		"last name with NUL":       {changed("adminLastName", `"Love\u0000lace"`), 422, rest.CodeInvalid, "body.adminLastName"},
		"tier in capitals":         {changed("tier", `"Gold"`), 422, rest.CodeInvalid, "body.tier"},
		"region with a quote":      {changed("region", `"eu'; --"`), 422, rest.CodeInvalid, "body.region"},
		"unknown field":            {changed("plan", `"gold"`), 422, rest.CodeInvalid, "body.plan"},
		"a field of ours":          {changed("schemaName", `"public"`), 422, rest.CodeInvalid, "body.schemaName"},
		"field in another case":    {changed("NAME", `"Other"`), 422, rest.CodeInvalid, "body.NAME"},
		"only in another case":     {`{"Name": "Charité", "adminEmail": "a@b.example", "adminFirstName": "A", "adminLastName": "B"}`, 422, rest.CodeInvalid, "body.Name"},
		"key twice":                {`{"name": "Good", "name": "Evil", "adminEmail": "a@b.example", "adminFirstName": "A", "adminLastName": "B"}`, 400, rest.CodeMalformed, ""},
		"key twice, once escaped":  {`{"name": "Good", "n\u0061me": "Evil", "adminEmail": "a@b.example", "adminFirstName": "A", "adminLastName": "B"}`, 400, rest.CodeMalformed, ""},
		"no body":                  {"", 400, rest.CodeMalformed, ""},
		"not JSON":                 {"name=Charité", 400, rest.CodeMalformed, ""},
		"broken off":               {`{"name": "Char`, 400, rest.CodeMalformed, ""},
		"comma at the end":         {`{"name": "Charité",}`, 400, rest.CodeMalformed, ""},
		"something after it":       {request("Charité") + "x", 400, rest.CodeMalformed, ""},
		"a second object":          {request("Charité") + request("Other"), 400, rest.CodeMalformed, ""},
		"a list":                   {"[" + request("Charité") + "]", 400, rest.CodeMalformed, ""},
		"null":                     {"null", 400, rest.CodeMalformed, ""},
		"a text":                   {`"Charité"`, 400, rest.CodeMalformed, ""},
		"not UTF-8":                {changed("name", "\"Charit\xe9\""), 400, rest.CodeMalformed, ""},
		"half a surrogate":         {changed("name", `"Charit\ud83d"`), 400, rest.CodeMalformed, ""},
		"UTF-16":                   {"\xfe\xff\x00{\x00}", 400, rest.CodeMalformed, ""},
		"a second byte order mark": {"\xef\xbb\xbf\xef\xbb\xbf" + request("Charité"), 400, rest.CodeMalformed, ""},
		"only a byte order mark":   {"\xef\xbb\xbf", 400, rest.CodeMalformed, ""},
		"nested deeply":            {changed("name", strings.Repeat("[", 5000)+strings.Repeat("]", 5000)), 400, rest.CodeMalformed, ""},
		"nested objects":           {strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000), 400, rest.CodeMalformed, ""},
		"over 64 KiB":              {changed("name", quoted(strings.Repeat("a", 64<<10))), 413, rest.CodeTooLarge, ""},
		"over 64 KiB, all spaces":  {strings.Repeat(" ", 64<<10) + request("Charité"), 413, rest.CodeTooLarge, ""},
		"a huge number of unknown": {"{" + strings.Repeat(`"a":1,`, 9000) + `"b":1}`, 400, rest.CodeMalformed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := b.send(t, http.MethodPost, "/v1/tenants", operator(t), c.body).problem(t, c.status, c.code)
			if c.location != "" {
				require.NotEmpty(t, p.Errors)
				places := make([]string, len(p.Errors))
				for i, e := range p.Errors {
					places[i] = e.Location
					require.NotEmpty(t, e.Message)
				}
				require.Contains(t, places, c.location)
			}
			require.NotContains(t, b.logs.String(), "Charit", "what was sent is not logged")
		})
	}
	t.Run("all wrong fields at once, each once", func(t *testing.T) {
		t.Parallel()
		p := b.send(t, http.MethodPost, "/v1/tenants", operator(t), `{"name": "x", "adminEmail": "a@b"}`).problem(t, 422, rest.CodeInvalid)
		places := map[string]int{}
		for _, e := range p.Errors {
			places[e.Location]++
		}
		require.Equal(t, map[string]int{"body.name": 1, "body.adminEmail": 1, "body.adminFirstName": 1, "body.adminLastName": 1}, places)
	})
}

func TestRefusedBodiesCreateNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, c := range []struct {
		header string
		value  string
	}{
		{"Content-Type", "text/plain"},
		{"Content-Type", "application/x-www-form-urlencoded"},
		{"Content-Type", "multipart/form-data; boundary=x"},
		{"Content-Type", "application/xml"},
		{"Content-Type", "application/vnd.api+json"},
		{"Content-Type", "application/json; charset=utf-16"},
		{"Content-Type", "application/json; charset=latin1"},
		{"Content-Type", "application"},
		{"Content-Type", ";;"},
		{"Content-Encoding", "gzip"},
	} {
		b.send(t, http.MethodPost, "/v1/tenants", with(operator(t), c.header, c.value), request("Charité")).
			problem(t, http.StatusUnsupportedMediaType, rest.CodeUnsupportedType)
	}
	require.Zero(t, b.count(t, "tenants"))
	for i, accept := range []string{"text/html", "application/xml", "*/*;q=0", "nonsense", "application/problem+json"} {
		a := b.send(t, http.MethodPost, "/v1/tenants", with(operator(t), "Accept", accept), request(fmt.Sprintf("Accepted %d", i)))
		require.Equal(t, http.StatusAccepted, a.status)
		require.Equal(t, "application/json", a.header.Get("Content-Type"), "there is one form of answers, whatever is asked for")
	}
}

func TestRefusedPathsAndQueries(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const id = "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11"
	for path, want := range map[string]struct {
		status   int
		location string
	}{
		"/v1/tenants/abc":                                  {422, "path.id"},
		"/v1/tenants/(" + id + ")":                         {422, "path.id"},
		"/v1/tenants/" + id + "%20":                        {422, "path.id"},
		"/v1/tenants/%00":                                  {422, "path.id"},
		"/v1/tenants/%ff":                                  {422, "path.id"},
		"/v1/tenants/..%2f..%2fetc":                        {422, "path.id"},
		"/v1/tenants/" + id[:35]:                           {422, "path.id"},
		"/v1/operations/' OR 1=1 --":                       {422, "path.id"},
		"/v1/operations/" + strings.Repeat("9", 2000):      {422, "path.id"},
		"/v1/operations/" + id + "?wait=soon":              {422, "query.wait"},
		"/v1/operations/" + id + "?wait=-1s":               {422, "query.wait"},
		"/v1/operations/" + id + "?wait=99999999999999h":   {422, "query.wait"},
		"/v1/operations/" + id + "?wait=1e9":               {422, "query.wait"},
		"/v1/tenants?limit=0":                              {422, "query.limit"},
		"/v1/tenants?limit=-1":                             {422, "query.limit"},
		"/v1/tenants?limit=201":                            {422, "query.limit"},
		"/v1/tenants?limit=ten":                            {422, "query.limit"},
		"/v1/tenants?limit=1.5":                            {422, "query.limit"},
		"/v1/tenants?limit=99999999999999999999":           {422, "query.limit"},
		"/v1/tenants?cursor=abc":                           {422, "query.cursor"},
		"/v1/tenants?cursor=" + strings.Repeat("a", 300):   {422, "query.cursor"},
		"/v1/operations?cursor=" + url.QueryEscape("' --"): {422, "query.cursor"},
		"/v1/tenants?status=active":                        {422, "query.status"},
		"/v1/tenants?status=GONE":                          {422, "query.status"},
		"/v1/tenants?stauts=ACTIVE":                        {422, "query.stauts"},
		"/v1/tenants?name=a%0ab":                           {422, "query.name"},
		"/v1/tenants?name=%e2%80%8b":                       {422, "query.name"},
		"/v1/tenants?name=" + strings.Repeat("a", 101):     {422, "query.name"},
		"/v1/operations?state=LOST":                        {422, "query.state"},
		"/v1/operations?kind=destroy":                      {422, "query.kind"},
		"/v1/operations?tenantId=1":                        {422, "query.tenantId"},
		"/v1/tenants?name=%zz":                             {400, ""},
		"/v1/tenants?name=%ff%fe":                          {400, ""},
		"/v1/tenants?name=a%00b":                           {400, ""},
		"/v1/tenants?limit=1&limit=2":                      {400, ""},
		"/v1/tenants?a;b":                                  {400, ""},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			code := rest.CodeInvalid
			if want.status == http.StatusBadRequest {
				code = rest.CodeMalformed
			}
			p := b.send(t, http.MethodGet, strings.ReplaceAll(path, " ", "%20"), viewer(t), "").problem(t, want.status, code)
			if want.location != "" {
				require.Equal(t, want.location, p.Errors[0].Location)
			}
		})
	}
}

// TestNothingThatIsSentIsAFaultOfOurs sends anything to everything.
func TestNothingThatIsSentIsAFaultOfOurs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	header := operator(t)
	value := rapid.OneOf(
		rapid.Just[any](nil), rapid.Map(rapid.String(), func(s string) any { return s }), rapid.Map(rapid.Float64Range(-1e300, 1e300), func(f float64) any { return f }),
		rapid.Map(rapid.Bool(), func(v bool) any { return v }), rapid.Map(rapid.SliceOfN(rapid.String(), 0, 3), func(s []string) any { return s }),
	)
	names := rapid.OneOf(rapid.SampledFrom([]string{"name", "adminEmail", "adminFirstName", "adminLastName", "tier", "region", "reason", "requestId", "NAME"}), rapid.String())
	body := rapid.OneOf(
		rapid.Map(rapid.MapOfN(names, value, 0, 8), func(m map[string]any) []byte { raw, _ := json.Marshal(m); return raw }),
		rapid.SliceOfN(rapid.Byte(), 0, 200),
		rapid.Map(rapid.String(), func(s string) []byte { return []byte(s) }),
	)
	rapid.Check(t, func(rt *rapid.T) {
		method := rapid.SampledFrom([]string{http.MethodPost, http.MethodPatch, http.MethodGet, http.MethodDelete, http.MethodPut, "BREW"}).Draw(rt, "method")
		path := rapid.SampledFrom([]string{
			"/v1/tenants", "/v1/tenants/01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11", "/v1/operations/01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11/retry",
			"/v1/operations", "/v1/tenants/x/provisioning", "/invitations/abcabcabcabcabcabcabc", "/v1", "/v1/", "/nowhere",
		}).Draw(rt, "path")
		if rapid.Bool().Draw(rt, "with a query") {
			path += "?" + url.PathEscape(rapid.String().Draw(rt, "query"))
		}
		sent := body.Draw(rt, "body")
		r, err := http.NewRequestWithContext(t.Context(), method, b.url+path, bytes.NewReader(sent))
		require.NoError(rt, err)
		r.Header = header.Clone()
		r.Header.Set("Content-Type", rapid.SampledFrom([]string{"application/json", "text/plain", "application/x-www-form-urlencoded", ""}).Draw(rt, "type"))
		res, err := b.client.Do(r)
		require.NoError(rt, err)
		require.NoError(rt, res.Body.Close())
		require.Less(rt, res.StatusCode, 500)
	})
}

// raw sends bytes as they are and returns the answer's first line.
func raw(t *testing.T, b *testBundle, text string, halfClose bool) string {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(b.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	_, err = conn.Write([]byte(text))
	require.NoError(t, err)
	if halfClose {
		require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	}
	buffer := make([]byte, 4096)
	n, err := conn.Read(buffer)
	require.NoError(t, err)
	line, _, _ := strings.Cut(string(buffer[:n]), "\r\n")
	return line
}

func TestBodiesThatDoNotArrive(t *testing.T) {
	t.Parallel()
	b := setup(t)
	head := "POST /v1/tenants HTTP/1.1\r\nHost: x\r\nAuthorization: " + operator(t).Get("Authorization") + "\r\nContent-Type: application/json\r\n"
	require.Equal(t, "HTTP/1.1 400 Bad Request", raw(t, b, head+"Content-Length: 100\r\n\r\n{\"name\"", true), "it breaks off")
	require.Equal(t, "HTTP/1.1 400 Bad Request", raw(t, b, head+"Transfer-Encoding: chunked\r\n\r\nzz\r\n", false), "no chunk")
	require.Equal(t, "HTTP/1.1 408 Request Timeout", raw(t, b, head+"Content-Length: 100\r\n\r\n{\"name\"", false), "it never comes")
	require.Equal(t, "HTTP/1.1 413 Request Entity Too Large", raw(t, b, head+"Content-Length: 99999999\r\n\r\n", false), "it need not come to be refused")
	require.Zero(t, b.count(t, "tenants"))
}

// Whoever is refused before the body is read is answered all the same.
func TestBodiesThatNobodyWantsDoNotHoldTheAnswer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := "Authorization: " + operator(t).Get("Authorization") + "\r\n"
	for head, want := range map[string]string{
		"POST /v1/tenants HTTP/1.1\r\n":                                      "401 Unauthorized",
		"GET /v1/tenants HTTP/1.1\r\n" + token:                               "200 OK",
		"POST /v1/tenants HTTP/1.1\r\nContent-Type: text/plain\r\n" + token:  "415 Unsupported Media Type",
		"POST /v1/nothing HTTP/1.1\r\n" + token:                              "404 Not Found",
		"GET /livez HTTP/1.1\r\n":                                            "200 OK",
		"POST /invitations/x HTTP/1.1\r\nContent-Type: application/json\r\n": "415 Unsupported Media Type",
	} {
		t.Run(head, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, "HTTP/1.1 "+want, raw(t, b, head+"Host: x\r\nContent-Length: 60000\r\n\r\nx", false))
			require.Equal(t, "HTTP/1.1 "+want, raw(t, b, head+"Host: x\r\nTransfer-Encoding: chunked\r\n\r\n", false))
		})
	}
}
