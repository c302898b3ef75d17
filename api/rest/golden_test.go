package rest_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write client/openapi-3.0.json anew instead of comparing with it")

// TestDocumentGolden keeps the committed document, from which the Go client is
// made, as the API serves it. A change of the API is then a change that a
// reviewer sees. No database is asked, so the test runs without the stack.
func TestDocumentGolden(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), "postgres://nobody@"+closedPort(t)+"/nothing")
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	w := httptest.NewRecorder()
	setupOn(t, pool).server.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/openapi-3.0.json", nil))
	require.Equal(t, http.StatusOK, w.Code)
	var got bytes.Buffer
	require.NoError(t, json.Indent(&got, w.Body.Bytes(), "", "  "))
	got.WriteByte('\n')

	path := filepath.Join("..", "..", "client", "openapi-3.0.json")
	if *update {
		require.NoError(t, os.WriteFile(path, got.Bytes(), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	served, committed := strings.Split(got.String(), "\n"), strings.Split(string(want), "\n")
	for n := range max(len(served), len(committed)) {
		if n >= min(len(served), len(committed)) || served[n] != committed[n] { // the whole would fill screens
			require.Failf(t, "the API's document has changed; write it and the Go client anew with: make client", "%s differs from line %d on", path, n+1)
		}
	}
}
