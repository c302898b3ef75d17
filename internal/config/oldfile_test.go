package config_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/config"
)

// oldFile is an .env.production of the application that this one replaces: its
// names, with secrets as good as they must be.
func oldFile() []string {
	return []string{
		"# Application", "NODE_ENV=production", "APP_PORT=3000", "APP_URL=https://api.hospital.test", "",
		"# Database", "DB_HOST=postgres", "DB_PORT=5432", "DB_USERNAME=platform", "DB_PASSWORD=c0rrect-h0rse", "DB_NAME=platform", "",
		"# Redis", "REDIS_HOST=redis", "REDIS_PORT=6379", "REDIS_PASSWORD=b4ttery-st4ple", "",
		"# Security", "JWT_SECRET=" + jwtSecret, "JWT_EXPIRATION=24h", "",
		"# Mail", "MAIL_HOST=smtp.sendgrid.net", "MAIL_PORT=587", "MAIL_USER=apikey", "MAIL_PASSWORD=SG.key", "MAIL_FROM=no-reply@hospital.test", "",
		"# Soroban", "SOROBAN_NETWORK=testnet", "SOROBAN_RPC_URL=https://soroban-testnet.stellar.org", "SOROBAN_CONTRACT_DEPLOYER_SECRET=" + validSeed(),
	}
}

// TestOldFile: whoever brings the old file is told what production needs besides,
// all of it at once, and needs nothing else.
func TestOldFile(t *testing.T) {
	t.Parallel()
	for name, needs := range map[string]config.Section{"api": config.NeedByAPI, "worker": config.NeedByWorker} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := oldFile()
			fromFile := func() error {
				dir := t.TempDir()
				require.NoError(t, os.WriteFile(filepath.Join(dir, ".env"), []byte(strings.Join(lines, "\n")+"\n"), 0o600))
				_, err := config.Load(config.Options{Environ: []string{}, Dir: dir}, needs)
				return err
			}
			found := problems(t, fromFile())
			missing := []string{"PAYLOAD_KEYS", "TEMPORAL_ADDRESS"}
			require.ElementsMatch(t, missing, slices.Collect(maps.Keys(found)))
			for _, name := range missing {
				require.Contains(t, found[name], "missing; expected ", name)
			}

			lines = append(lines, "PAYLOAD_KEYS="+payloadKey, "TEMPORAL_ADDRESS=temporal:7233")
			require.NoError(t, fromFile())

			// docker run --env-file hands the lines on as they are.
			_, err := load(t, needs, slices.DeleteFunc(lines, func(line string) bool { return line == "" || line[0] == '#' })...)
			require.NoError(t, err)
		})
	}
}

// TestAFileMayNameTheServer: where Temporal's own file is given, it is there.
func TestAFileMayNameTheServer(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "temporal.toml")
	require.NoError(t, os.WriteFile(file, []byte("[profile.default]\naddress = \"toml:7233\"\n"), 0o600))
	cfg, err := load(t, every, production("TEMPORAL_ADDRESS=", "TEMPORAL_CONFIG_FILE="+file)...)
	require.NoError(t, err)
	require.Equal(t, "toml:7233", cfg.Temporal.Address)
}
