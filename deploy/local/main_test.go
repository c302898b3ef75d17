package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// free is an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func send(t *testing.T, url, key string) int {
	t.Helper()
	const mail = `{"personalizations":[{"to":[{"email":"ada@hospital.example"}]}],"from":{"email":"no-reply@tenants.example"},"subject":"Hello","content":[{"type":"text/plain","value":"x"}]}`
	request, err := http.NewRequest(http.MethodPost, url+"/v3/mail/send", strings.NewReader(mail))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	return response.StatusCode
}

// TestItServesKeepsAndEnds: mail and ledger survive a restart, the health check
// tells when they are there, and a stop ends it in order.
func TestItServesKeepsAndEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	require.NoError(t, os.WriteFile(key, []byte("SG.of-a-test\n"), 0o600))
	stellar, mail, control := free(t), free(t), free(t)
	args := []string{"-stellar", stellar, "-mail", mail, "-data-dir", filepath.Join(dir, "data"), "-mail-key-file", key, "-control", control}
	health := func() error { return run(context.Background(), append(args, "healthcheck")) }
	require.ErrorContains(t, health(), "the mail catcher")

	for round := range 2 {
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- run(ctx, args) }()
		require.Eventually(t, func() bool { return health() == nil }, 2*time.Minute, 50*time.Millisecond, "round %d", round)
		if round == 0 {
			require.Equal(t, http.StatusUnauthorized, send(t, "http://"+mail, "another"))
			require.Equal(t, http.StatusAccepted, send(t, "http://"+mail, "SG.of-a-test"))
		}
		response, err := http.Get("http://" + control)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.NoError(t, response.Body.Close())
		response, err = http.Get(fmt.Sprintf("http://%s/messages?to=ada@hospital.example", mail))
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, response.StatusCode)
		content := make([]byte, 4096)
		n, _ := response.Body.Read(content)
		require.Contains(t, string(content[:n]), "Hello")
		require.NoError(t, response.Body.Close())
		stop()
		require.NoError(t, <-ended)
		require.Error(t, health())
	}
}

func TestWhatIsNotUnderstood(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, run(context.Background(), []string{"help"}), "expected healthcheck")
	require.ErrorContains(t, run(context.Background(), nil), "-mail-key-file")
	key := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(key, []byte("SG.of-a-test\n"), 0o600))
	require.ErrorContains(t, run(context.Background(), []string{"-mail-key-file", key, "-control", ":8001"}), "must be a loopback address")
}
