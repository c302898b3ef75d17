package temporalclient_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"tenant-provisioning/internal/temporalclient"
)

const webUI = "https://temporal.platform.example"

func codecServer(t *testing.T) (*temporalclient.Codec, *httptest.Server) {
	t.Helper()
	codec, err := temporalclient.NewCodec([]temporalclient.Key{{ID: "k1", Secret: bytes.Repeat([]byte{7}, 32)}})
	require.NoError(t, err)
	server := httptest.NewServer(temporalclient.CodecServer(codec, []string{webUI}))
	t.Cleanup(server.Close)
	return codec, server
}

// TestCodecServerAnswersTheSDK, which speaks as the command line and the Web UI
// do.
func TestCodecServerAnswersTheSDK(t *testing.T) {
	t.Parallel()
	codec, server := codecServer(t)
	remote := converter.NewRemotePayloadCodec(converter.RemotePayloadCodecOptions{Endpoint: server.URL})
	plain, err := converter.GetDefaultDataConverter().ToPayload("why it waits")
	require.NoError(t, err)
	encrypted, err := codec.Encode([]*commonpb.Payload{plain})
	require.NoError(t, err)
	decoded, err := remote.Decode(encrypted)
	require.NoError(t, err)
	require.Equal(t, plain.GetData(), decoded[0].GetData())

	encrypted, err = remote.Encode([]*commonpb.Payload{plain})
	require.NoError(t, err)
	require.NotContains(t, string(encrypted[0].GetData()), "waits")
	decoded, err = codec.Decode(encrypted)
	require.NoError(t, err)
	require.Equal(t, plain.GetData(), decoded[0].GetData())
}

func TestCodecServerKnowsWhoMayRead(t *testing.T) {
	t.Parallel()
	_, server := codecServer(t)
	ask := func(method, origin, host string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/decode", strings.NewReader(`{"payloads":[]}`))
		require.NoError(t, err)
		r.Header.Set("Origin", origin)
		if method == http.MethodOptions {
			r.Header.Set("Access-Control-Request-Method", http.MethodPost)
			r.Header.Set("Access-Control-Request-Headers", "authorization,content-type,x-namespace")
			r.Header.Set("Access-Control-Request-Private-Network", "true")
		}
		if host != "" {
			r.Host = host
		}
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer
	}
	preflight := ask(http.MethodOptions, webUI, "")
	require.Equal(t, webUI, preflight.Header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "authorization,content-type,x-namespace", preflight.Header.Get("Access-Control-Allow-Headers"))
	require.Equal(t, "true", preflight.Header.Get("Access-Control-Allow-Private-Network"))
	require.Equal(t, webUI, ask(http.MethodPost, webUI, "").Header.Get("Access-Control-Allow-Origin"))
	for _, origin := range []string{"https://evil.example", webUI + ".evil.example", "null", ""} {
		require.Empty(t, ask(http.MethodOptions, origin, "").Header.Get("Access-Control-Allow-Origin"), origin)
		require.Empty(t, ask(http.MethodPost, origin, "").Header.Get("Access-Control-Allow-Origin"), origin)
	}
	require.Equal(t, http.StatusMisdirectedRequest, ask(http.MethodPost, webUI, "evil.example:8081").StatusCode, "a name that somebody has lead here")
	require.Equal(t, http.StatusOK, ask(http.MethodPost, webUI, "localhost:8081").StatusCode)
}

func TestCodecServerBoundsWhatItReads(t *testing.T) {
	t.Parallel()
	_, server := codecServer(t)
	answer, err := http.Post(server.URL+"/decode", "application/json", strings.NewReader(strings.Repeat(" ", 17<<20)))
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusBadRequest, answer.StatusCode)
}
