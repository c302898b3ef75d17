package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestArgumentsAreRefused(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, run(t.Context(), []string{"drain"}), `"drain" is not understood`)
}

// TestHealthcheck asks with the environment of the container.
func TestHealthcheck(t *testing.T) {
	why := "not polling Temporal"
	server := httptest.NewServer(probes(func(context.Context) error { return nil }, func() string { return why }, func() string { return "" }, http.NotFoundHandler()))
	addr := strings.TrimPrefix(server.URL, "http://")
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	for _, addr := range []string{addr, ":" + port, "0.0.0.0:" + port} {
		t.Setenv("METRICS_ADDR", addr)
		require.NoError(t, run(t.Context(), []string{"healthcheck"}))
		require.ErrorContains(t, run(t.Context(), []string{"healthcheck", "--ready"}), "/readyz at "+addr+" says 503: not polling Temporal")
	}
	why = ""
	require.NoError(t, run(t.Context(), []string{"healthcheck", "--ready"}))
	server.Close()
	require.ErrorContains(t, run(t.Context(), []string{"healthcheck"}), "does not answer")
	t.Setenv("METRICS_ADDR", "127.0.0.1:0")
	require.ErrorContains(t, run(t.Context(), []string{"healthcheck"}), "give it one")
}
