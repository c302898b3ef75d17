package config_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/config"
)

func TestTemporalConnection(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	require.NoError(t, os.WriteFile(token, []byte("Bearer abc\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".env"), []byte("TEMPORAL_ADDRESS=temporal:7233\nTEMPORAL_GRPC_META_X_TEAM=platform\n"), 0o600))

	cfg, err := config.Load(config.Options{Dir: dir, Environ: []string{
		"TEMPORAL_NAMESPACE=hospital", "TEMPORAL_TLS=true", "TEMPORAL_TLS_SERVER_NAME=front",
		"TEMPORAL_GRPC_META_AUTHORIZATION_FILE=" + token,
	}}, config.NeedTemporal)
	require.NoError(t, err)
	options := cfg.Temporal.ClientOptions()
	require.Equal(t, "temporal:7233", options.HostPort)
	require.Equal(t, "hospital", options.Namespace)
	require.Equal(t, "front", options.ConnectionOptions.TLS.ServerName)
	headers, err := options.HeadersProvider.GetHeaders(context.Background())
	require.NoError(t, err)
	require.Equal(t, map[string]string{"x-team": "platform", "authorization": "Bearer abc"}, headers)
}

// TestTemporalConfigFile: only a file that was named is read, and one that is
// named must be there.
func TestTemporalConfigFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "temporal.toml")
	require.NoError(t, os.WriteFile(file, []byte("[profile.default]\naddress = \"toml:7233\"\nnamespace = \"toml\"\n"), 0o600))

	cfg, err := load(t, config.NeedTemporal, "TEMPORAL_CONFIG_FILE="+file, "TEMPORAL_NAMESPACE=environment")
	require.NoError(t, err)
	require.Equal(t, "toml:7233", cfg.Temporal.Address)
	require.Equal(t, "environment", cfg.Temporal.Namespace)

	_, err = load(t, config.NeedTemporal, "TEMPORAL_CONFIG_FILE="+file+".absent")
	require.Contains(t, problems(t, err)["TEMPORAL_CONFIG_FILE"], "no such file")
}

func TestTemporalConfigInTheHomeIsNotRead(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", home)
	t.Setenv("HOME", home)
	require.NoError(t, os.Mkdir(filepath.Join(home, "temporalio"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(home, "temporalio", "temporal.toml"),
		[]byte("[profile.default]\naddress = \"somewhere-else:7233\"\n"), 0o600))

	cfg, err := load(t, config.NeedTemporal)
	require.NoError(t, err)
	require.Equal(t, "localhost:7233", cfg.Temporal.Address)
}

func TestUnreadableCertificateIsReported(t *testing.T) {
	t.Parallel()
	_, err := load(t, config.NeedTemporal, "TEMPORAL_TLS_CLIENT_CERT_PATH=/absent/cert", "TEMPORAL_TLS_CLIENT_KEY_PATH=/absent/key")
	require.Contains(t, problems(t, err)["TEMPORAL_*"], "/absent/cert")
}

func TestPayloadKeys(t *testing.T) {
	t.Parallel()
	const other = "2026-11:Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA"
	cfg, err := load(t, config.NeedTemporal, "PAYLOAD_KEYS="+other+", "+payloadKey)
	require.NoError(t, err)
	require.Len(t, cfg.Temporal.PayloadKeys, 2)
	require.Equal(t, "2026-11", cfg.Temporal.PayloadKeys[0].ID)
	require.Len(t, cfg.Temporal.PayloadKeys[1].Key.Reveal(), 32)

	for name, value := range map[string]string{
		"no id": payloadKey[3:], "empty id": payloadKey[2:], "short": "k1:AAECAwQF", "not base64": "k1:" + "*",
		"same id twice": payloadKey + "," + payloadKey, "trailing comma": payloadKey + ",",
	} {
		_, err := load(t, config.NeedTemporal, "PAYLOAD_KEYS="+value)
		require.Contains(t, problems(t, err)["PAYLOAD_KEYS"], "32 bytes in base64", name)
	}
}

func TestVersionedWorkerNeedsABuildID(t *testing.T) {
	t.Parallel()
	_, err := load(t, config.NeedTemporal|config.NeedMetrics, "TEMPORAL_WORKER_VERSIONING=pinned")
	require.Contains(t, problems(t, err), "TEMPORAL_WORKER_BUILD_ID")
	_, err = load(t, config.NeedTemporal, "TEMPORAL_WORKER_VERSIONING=pinned")
	require.NoError(t, err, "whoever only talks to Temporal has no version")

	cfg, err := load(t, config.NeedTemporal, "TEMPORAL_WORKER_VERSIONING=pinned", "TEMPORAL_WORKER_BUILD_ID=v7", "TEMPORAL_TASK_QUEUE=q")
	require.NoError(t, err)
	require.Equal(t, "q", cfg.Temporal.DeploymentName)
}
