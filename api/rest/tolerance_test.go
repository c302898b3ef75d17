package rest_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/api/rest"
)

// TestBodiesAsClientsSendThem: whatever they call UTF-8, and with a byte order
// mark before it.
func TestBodiesAsClientsSendThem(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i, value := range []string{
		"application/json", "Application/JSON", "application/json; charset=UTF-8", "application/json;charset=utf-8", "application/json; charset=utf8",
		"application/json; charset=UTF8", `application/json ; charset="utf-8"`, `application/json; charset="UTF8"`, "application/json; charset='utf-8'",
		"application/json; Charset=Utf-8", "application/json;", "application/json; charset=", "application/json; odata.metadata=minimal; charset=utf8",
	} {
		for j, mark := range []string{"", "\xef\xbb\xbf"} {
			a := b.send(t, http.MethodPost, "/v1/tenants", with(operator(t), "Content-Type", value), mark+request(fmt.Sprintf("Charité %d.%d", i, j)))
			require.Equal(t, http.StatusAccepted, a.status, "%s: %s", value, a.body)
		}
	}
	path := "/v1/operations/" + b.create(t, "Without a body")["id"].(string) + "/rollback?dryRun=true"
	a := b.send(t, http.MethodPost, path, with(operator(t), "Content-Type", "application/x-www-form-urlencoded"), "")
	require.Equal(t, http.StatusOK, a.status, "the type of no body, as curl -d '' sends it, is not looked at: %s", a.body)
}

// TestOneTagOfManyInIfMatch: lists, and what proxies that compress make of a tag.
func TestOneTagOfManyInIfMatch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := "/v1/tenants/" + b.create(t, "Charité")["tenantId"].(string)
	changes := 0
	change := func(header http.Header) answer {
		changes++ // a change that changes nothing makes no new version
		return b.send(t, http.MethodPatch, path, header, fmt.Sprintf(`{"adminLastName": "Hopper %d"}`, changes))
	}
	version := 1
	for _, form := range []string{
		`"%d"`, `"%d-5f1c0a9b"`, `W/"%d-5f1c0a9b"`, `"%d-5f1c0a9b-gzip"`, `W/"%d"`, `"%d-gzip"`, `W/"%d-gzip"`, `"%d--gzip"`, `"%d;gzip"`, `"%d-br"`, `"%d-zstd"`, `"%d-gzip-gzip"`, ` "%d" `,
		`"99", "%d"`, `"%d", "99"`, `"99","%d"`, `  "99" , , W/"%d-gzip" ,`, `"a, b", "%d"`, `W/"x", "%d"`,
	} {
		tag := fmt.Sprintf(form, version)
		a := change(with(operator(t), "If-Match", tag))
		require.Equal(t, http.StatusOK, a.status, "%s: %s", tag, a.body)
		version++
		require.Regexp(t, fmt.Sprintf(`^"%d-[0-9a-f]{8}"$`, version), a.header.Get("ETag"))
	}
	lines := operator(t)
	lines["If-Match"] = []string{`"99"`, fmt.Sprintf(`"%d"`, version)}
	require.Equal(t, http.StatusOK, change(lines).status, "a list may come in several lines")
	change(lines).problem(t, http.StatusPreconditionFailed, rest.CodeVersionMismatch)

	unknown := "/v1/tenants/" + someID
	b.send(t, http.MethodPatch, unknown, with(operator(t), "If-Match", `"1", "2"`), `{"adminLastName": "Hopper"}`).
		problem(t, http.StatusNotFound, rest.CodeNotFound)
}

// TestIDsInEverySpelling lead to the same thing, which answers with its own.
func TestIDsInEverySpelling(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o := b.create(t, "Charité")
	id, operation := o["tenantId"].(string), o["id"].(string)
	for name, spell := range map[string]func(string) string{
		"capitals":           strings.ToUpper,
		"braces":             func(s string) string { return "%7B" + s + "%7D" },
		"capitals, braces":   func(s string) string { return "%7b" + strings.ToUpper(s) + "%7d" },
		"a URN":              func(s string) string { return "urn:uuid:" + s },
		"no hyphens":         func(s string) string { return strings.ReplaceAll(s, "-", "") },
		"percent-encoded":    func(s string) string { return "%" + fmt.Sprintf("%02x", s[0]) + s[1:] },
		"a slash at the end": func(s string) string { return s + "/" },
	} {
		a := b.get(t, "/v1/tenants/"+spell(id))
		require.Equal(t, http.StatusOK, a.status, "%s: %s", name, a.body)
		require.Equal(t, id, a.json(t)["id"], name)
		a = b.get(t, "/v1/operations/"+spell(operation))
		require.Equal(t, operation, a.json(t)["id"], name)
		if strings.HasSuffix(spell(id), "/") {
			continue
		}
		a = b.get(t, "/v1/operations?tenantId="+spell(id))
		require.Equal(t, http.StatusOK, a.status, "%s: %s", name, a.body)
		require.Len(t, a.json(t)["items"], 1, name)
		a = b.send(t, http.MethodPost, "/v1/operations/"+spell(operation)+"/rollback?dryRun=true", operator(t), "")
		require.Equal(t, operation, a.json(t)["operationId"], name)
		require.Equal(t, http.StatusOK, b.send(t, http.MethodPatch, "/v1/tenants/"+spell(id), operator(t), `{"adminLastName": "Hopper"}`).status, name)
	}
	refused := b.send(t, http.MethodPost, "/v1/operations/"+strings.ToUpper(operation)+"/retry", viewer(t), `{"reason": "x"}`)
	refused.problem(t, http.StatusForbidden, rest.CodeForbidden)
	require.Equal(t, 1, b.count(t, "audit_log WHERE action = 'retry' AND outcome = 'refused' AND operation_id = '"+operation+"'"))
}

// TestASlashAtTheEndMeansNothing, also with another method than GET.
func TestASlashAtTheEndMeansNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Equal(t, http.StatusAccepted, b.send(t, http.MethodPost, "/v1/tenants/", operator(t), request("Charité")).status)
	for _, path := range []string{"/v1/tenants/", "/v1/operations/?limit=1", "/health/", "/openapi.json/"} {
		require.Equal(t, http.StatusOK, b.get(t, path).status, path)
		require.Equal(t, http.StatusOK, b.send(t, http.MethodHead, path, viewer(t), "").status, path)
	}
	b.get(t, "/v1/tenants//").problem(t, http.StatusNotFound, rest.CodeNotFound)
}

// TestAnIdempotencyKeyIsOne: an empty one, or two, would not make the request
// safe to repeat.
func TestAnIdempotencyKeyIsOne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, keys := range [][]string{{""}, {" "}, {"a", "b"}, {"a", "a"}} {
		header := operator(t)
		header["Idempotency-Key"] = keys
		p := b.send(t, http.MethodPost, "/v1/tenants", header, request("Charité")).problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid)
		require.Equal(t, "header.Idempotency-Key", p.Errors[0].Location)
	}
	require.Zero(t, b.count(t, "tenants"))
}

// TestWhoIsCountedBehindProxies: the last address that no trusted proxy has.
// Whatever a client puts before it changes nothing.
func TestWhoIsCountedBehindProxies(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, tt := range map[string]struct {
		trusted   []netip.Prefix
		peer      string
		forwarded []string
		want      string
	}{
		"no proxy":                    {nil, "192.0.2.1:80", nil, "192.0.2.1"},
		"nobody trusts a stranger":    {nil, "192.0.2.1:80", []string{"198.51.100.7"}, "192.0.2.1"},
		"nor what is only private":    {nil, "10.1.2.3:80", []string{"198.51.100.7"}, "10.1.2.3"},
		"nor the link":                {nil, "169.254.1.1:80", []string{"198.51.100.7"}, "169.254.1.1"},
		"the same machine":            {nil, "127.0.0.1:80", []string{"198.51.100.7"}, "198.51.100.7"},
		"the same machine, IPv6":      {nil, "[::1]:80", []string{"198.51.100.7"}, "198.51.100.7"},
		"not with other proxies":      {proxies, "127.0.0.1:80", []string{"198.51.100.7"}, "127.0.0.1"},
		"a proxy":                     {proxies, "10.1.2.3:80", []string{"198.51.100.7"}, "198.51.100.7"},
		"a proxy without the header":  {proxies, "10.1.2.3:80", nil, "10.1.2.3"},
		"a chain":                     {proxies, "10.1.2.3:80", []string{"198.51.100.7, 10.9.9.9"}, "198.51.100.7"},
		"made up before it":           {proxies, "10.1.2.3:80", []string{"1.1.1.1, 198.51.100.7"}, "198.51.100.7"},
		"a private one made up":       {proxies, "10.1.2.3:80", []string{"10.7.7.7, 198.51.100.7"}, "198.51.100.7"},
		"garbage before it":           {proxies, "10.1.2.3:80", []string{"<script>, 198.51.100.7"}, "198.51.100.7"},
		"several lines":               {proxies, "10.1.2.3:80", []string{"1.1.1.1", "198.51.100.7", "10.9.9.9"}, "198.51.100.7"},
		"garbage of the proxy":        {proxies, "10.1.2.3:80", []string{"198.51.100.7, unknown"}, "10.1.2.3"},
		"an empty entry":              {proxies, "10.1.2.3:80", []string{""}, "10.1.2.3"},
		"all are proxies":             {proxies, "10.1.2.3:80", []string{"10.7.7.7"}, "10.7.7.7"},
		"with a port":                 {proxies, "10.1.2.3:80", []string{"198.51.100.7:51234"}, "198.51.100.7"},
		"IPv6 with a port":            {proxies, "10.1.2.3:80", []string{"[2001:db8:1:2::7]:51234"}, "2001:db8:1:2::/64"},
		"IPv6 in brackets":            {proxies, "10.1.2.3:80", []string{"[2001:db8:1:2::7]"}, "2001:db8:1:2::/64"},
		"IPv6":                        {proxies, "[fd00::1]:80", []string{"2001:db8:1:2:3:4:5:6"}, "2001:db8:1:2::/64"},
		"IPv6, another address of it": {proxies, "[fd00::1]:80", []string{"2001:db8:1:2:ffff::1"}, "2001:db8:1:2::/64"},
		"IPv6, the next customer":     {proxies, "[fd00::1]:80", []string{"2001:db8:1:3::1"}, "2001:db8:1:3::/64"},
		"IPv6 without a proxy":        {nil, "[2001:db8:1:2::7]:80", nil, "2001:db8:1:2::/64"},
		"mapped IPv4":                 {proxies, "[::ffff:10.1.2.3]:80", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		"with a zone":                 {nil, "[fe80::1%eth0]:80", nil, "fe80::/64"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			require.NoError(t, err)
			r.RemoteAddr, r.Header["X-Forwarded-For"] = tt.peer, tt.forwarded
			require.Equal(t, tt.want, rest.ClientAddress(tt.trusted)(r))
		})
	}
}

// TestAClientThatChangesItsAddressIsStillLimited where no proxy vouches for it.
func TestAClientThatChangesItsAddressIsStillLimited(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		trusted []netip.Prefix
		want    int
	}{
		"nobody to trust":  {[]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, http.StatusTooManyRequests},
		"the same machine": {nil, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			left := map[string]int{"address:127.0.0.1": 1, "address:192.0.2.1": 1} // the last one reads the document
			for i := range 5 {
				left[fmt.Sprintf("address:198.51.100.%d", i)] = 1
			}
			b := setup(t, func(c *rest.Config) { c.Limiter, c.TrustedProxies = &limiter{left: left}, tt.trusted })
			var last int
			for i := range 5 {
				last = b.send(t, http.MethodGet, "/v1/tenants", http.Header{"X-Forwarded-For": {fmt.Sprintf("198.51.100.%d", i)}}, "").status
			}
			require.Equal(t, tt.want, last)
		})
	}
}
