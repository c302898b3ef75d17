package rest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

// document is the API's own, checked against the specification.
func document(t *testing.T, server http.Handler) *openapi3.T {
	t.Helper()
	return load(t, server, "/openapi.json")
}

func load(t *testing.T, server http.Handler, path string) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(fetch(t, server, path))
	require.NoError(t, err)
	return doc
}

func fetch(t *testing.T, server http.Handler, path string) []byte {
	t.Helper()
	w := httptest.NewRecorder()
	server.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	return w.Body.Bytes()
}

// closedDocument is the API's own without what callers are told to expect from later
// versions: this one has to list each of its fields and values.
func closedDocument(t *testing.T, server http.Handler) *openapi3.T {
	t.Helper()
	var tree map[string]any
	require.NoError(t, json.Unmarshal(fetch(t, server, "/openapi.json"), &tree))
	for _, schema := range tree["components"].(map[string]any)["schemas"].(map[string]any) {
		schema := schema.(map[string]any)
		if known, ok := schema["x-extensible-enum"]; ok {
			schema["enum"] = known
		}
		if _, ok := schema["additionalProperties"]; !ok && schema["type"] == "object" {
			schema["additionalProperties"] = false
		}
	}
	raw, err := json.Marshal(tree)
	require.NoError(t, err)
	doc, err := openapi3.NewLoader().LoadFromData(raw)
	require.NoError(t, err)
	return doc
}

// documented is a transport that lets nothing through which the document does
// not tell of: every status, media type and body of every test. Nulls are none.
type documented struct {
	t    *testing.T
	next http.RoundTripper
	doc  *openapi3.T
}

func (d documented) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := d.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	d.check(r, res, body)
	return res, nil
}

func (d documented) check(r *http.Request, res *http.Response, body []byte) {
	op := operationOf(d.doc, r.Method, r.URL.Path)
	if op == nil { // no such route: there is nothing to document
		return
	}
	where := r.Method + " " + r.URL.Path + ": " + strconv.Itoa(res.StatusCode)
	response := op.Responses.Status(res.StatusCode)
	if response == nil {
		d.t.Errorf("%s is not documented", where)
		return
	}
	if len(body) == 0 && len(response.Value.Content) == 0 {
		return // 204 and 304 have none
	}
	mediaType, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil || response.Value.Content[mediaType] == nil {
		d.t.Errorf("%s: the type %q is not documented", where, res.Header.Get("Content-Type"))
		return
	}
	schema := response.Value.Content[mediaType].Schema
	if schema == nil || !strings.HasSuffix(mediaType, "json") {
		return
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		d.t.Errorf("%s: %v", where, err)
		return
	}
	if hasNull(value) {
		d.t.Errorf("%s: a null in an answer: %s", where, body)
	}
	if err := schema.Value.VisitJSON(value, openapi3.EnableJSONSchema2020(), openapi3.EnableFormatValidation()); err != nil {
		d.t.Errorf("%s is not as documented: %v", where, err)
	}
}

func hasNull(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case []any:
		return slices.ContainsFunc(v, hasNull)
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(v)), hasNull)
	}
	return false
}

func operationOf(doc *openapi3.T, method, path string) *openapi3.Operation {
	if method == http.MethodHead {
		return nil
	}
	for pattern, item := range doc.Paths.Map() {
		if regexp.MustCompile("^" + regexp.MustCompile(`\{[^}]+\}`).ReplaceAllString(pattern, `[^/]+`) + "$").MatchString(path) {
			return item.GetOperation(method)
		}
	}
	return nil
}

func TestDocumentsFollowTheSpecification(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for path, version := range map[string]string{"/openapi.json": "3.1.0", "/openapi-3.0.json": "3.0.3"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			doc := load(t, b.server, path)
			require.Equal(t, version, doc.OpenAPI)
			require.NoError(t, doc.Validate(t.Context(), openapi3.EnableExamplesValidation(), openapi3.EnableSchemaDefaultsValidation()))
		})
	}
}

func TestEverythingIsDescribed(t *testing.T) {
	t.Parallel()
	doc := document(t, setup(t).server)
	require.Equal(t, publicURL, doc.Servers[0].URL)
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			where := method + " " + path
			require.NotEmpty(t, op.Summary, where)
			require.NotEmpty(t, op.OperationID, where)
			for _, p := range op.Parameters {
				require.NotEmpty(t, p.Value.Description, "%s: %s", where, p.Value.Name)
			}
			guarded := strings.HasPrefix(path, "/v1/")
			if guarded {
				require.NotNil(t, op.Security, where)
				for _, status := range []int{400, 401, 403, 405, 422, 429, 500, 503} {
					require.NotNil(t, op.Responses.Status(status), "%s: %d", where, status)
				}
			}
			for status, r := range op.Responses.Map() {
				require.NotEmpty(t, *r.Value.Description, "%s: %s", where, status)
				if p := r.Value.Content["application/problem+json"]; p != nil {
					require.NotEmpty(t, p.Examples, "%s: %s", where, status)
				}
			}
		}
	}
}
