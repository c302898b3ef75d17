package rest_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var renderer = regexp.MustCompile(`src="(/docs/assets/[^"]+)"`)

func TestDocsPageStandsAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := b.send(t, http.MethodGet, "/docs", nil, "")
	require.Equal(t, http.StatusOK, a.status)
	page, policy := string(a.body), a.header.Get("Content-Security-Policy")
	require.NotRegexp(t, `(src|href)="(https?:)?//`, page, "no other host is asked for anything")
	require.Contains(t, page, `href="/openapi.json"`, "without JavaScript, the document itself is what there is to read")
	for _, allowed := range []string{"default-src 'none'", "connect-src 'self'", "img-src data:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"} {
		require.Contains(t, strings.Split(policy, "; "), allowed)
	}

	script := regexp.MustCompile(`(?s)<script>(.*?)</script>`).FindStringSubmatch(page)
	require.NotNil(t, script)
	sum := sha256.Sum256([]byte(script[1]))
	require.Contains(t, policy, "script-src 'self' 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"';")
	nonce := regexp.MustCompile(`style-src-elem 'nonce-(\w{26})';`).FindStringSubmatch(policy)
	require.NotNil(t, nonce)
	require.Contains(t, page, `<style nonce="`+nonce[1]+`">`)
	require.NotContains(t, string(b.send(t, http.MethodGet, "/docs", nil, "").body), nonce[1], "each page has its own")

	require.Equal(t, "/docs", b.send(t, http.MethodGet, "/", nil, "").header.Get("Location"))
}

func TestRendererIsKeptByBrowsers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := renderer.FindStringSubmatch(string(b.send(t, http.MethodGet, "/docs", nil, "").body))
	require.NotNil(t, path)
	ask := func(encodings string) answer {
		return b.send(t, http.MethodGet, path[1], http.Header{"Accept-Encoding": {encodings}}, "")
	}

	packed := ask("br, gzip;q=0.5")
	require.Equal(t, "gzip", packed.header.Get("Content-Encoding"))
	unpacking, err := gzip.NewReader(bytes.NewReader(packed.body))
	require.NoError(t, err)
	script, err := io.ReadAll(unpacking)
	require.NoError(t, err)
	for _, encodings := range []string{"", "br", "gzip;q=0", "gzip;q=x"} {
		plain := ask(encodings)
		require.Empty(t, plain.header.Get("Content-Encoding"), encodings)
		require.True(t, bytes.Equal(script, plain.body), encodings)
		for _, a := range []answer{packed, plain} {
			require.Equal(t, "text/javascript; charset=utf-8", a.header.Get("Content-Type"))
			require.Equal(t, "public, max-age=31536000, immutable", a.header.Get("Cache-Control"))
			require.Equal(t, "Accept-Encoding", a.header.Get("Vary"))
		}
	}
	old := b.send(t, http.MethodGet, "/docs/assets/scalar-000000000000.js", nil, "")
	require.Equal(t, http.StatusNotFound, old.status)
	require.Equal(t, "no-store", old.header.Get("Cache-Control"))
}

// TestEveryProblemIsExplained: the type of a problem leads to the heading of its
// code, which is in the document's text.
func TestEveryProblemIsExplained(t *testing.T) {
	t.Parallel()
	doc := document(t, setup(t).server)
	explained := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^### ([a-z-]+)$`).FindAllStringSubmatch(doc.Info.Description, -1) {
		explained[heading[1]] = true
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			for status, r := range op.Responses.Map() {
				problem := r.Value.Content["application/problem+json"]
				if problem == nil {
					continue
				}
				for code, example := range problem.Examples {
					require.Equal(t, "/docs#"+code, example.Value.Value.(map[string]any)["type"], "%s %s: %s", method, path, status)
					require.True(t, explained[code], "%s %s: %s: %s", method, path, status, code)
				}
			}
		}
	}
}

// quickStart is the example with which the document begins.
func quickStart(t *testing.T, description string) string {
	t.Helper()
	block := regexp.MustCompile("(?s)\n```sh\n(.*?)```").FindStringSubmatch(description)
	require.NotNil(t, block)
	return block[1]
}
