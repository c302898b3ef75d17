package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/config"
)

// TestAnAuthorityIsNeverNamedInVain: a wrong file, and a setting beside it by which
// nobody would be asked for a certificate, stop the process.
func TestAnAuthorityIsNeverNamedInVain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pem := filepath.Join(dir, "authority.pem")
	require.NoError(t, os.WriteFile(pem, []byte(certificate), 0o600))
	other := filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(other, []byte("-----BEGIN PRIVATE KEY-----\nYQ==\n-----END PRIVATE KEY-----\n"), 0o600))
	db := []string{"DB_USERNAME=a", "DB_NAME=b", "DB_SSLROOTCERT=" + pem}
	soroban := []string{"SOROBAN_NETWORK=local", "SOROBAN_SECRET=" + seed, "SOROBAN_RPC_SSLROOTCERT=" + pem}
	for _, c := range []struct {
		needs    config.Section
		settings []string
		says     string
	}{
		{config.NeedDB, append([]string{"DB_SSLROOTCERT_FILE=" + pem}, db...), "DB_SSLROOTCERT and DB_SSLROOTCERT_FILE are both set"},
		{config.NeedDB, append(db[:2:2], "DB_SSLROOTCERT="+filepath.Join(dir, "nowhere")), "no such file"},
		{config.NeedDB, append(db[:2:2], "DB_SSLROOTCERT="+other), "there is no certificate in it"},
		{config.NeedDB, append([]string{"DB_SSLMODE=prefer"}, db...), "DB_SSLMODE: prefer checks no certificate, and DB_SSLROOTCERT is set"},
		{config.NeedDB, append([]string{"DB_SSLMODE=disable"}, db...), "disable checks no certificate"},
		{config.NeedDB, append([]string{"DB_SSLCERT=" + pem}, db...), "it goes with DB_SSLKEY"},
		{config.NeedDB, append([]string{"DB_SSLKEY=" + filepath.Join(dir, "nowhere")}, db...), "the path of a file that can be read"},
		{config.NeedRedis, []string{"REDIS_SSLROOTCERT=" + pem}, "expected REDIS_TLS=true with it"},
		{config.NeedSoroban, append([]string{"SOROBAN_RPC_URL=http://rpc:8000"}, soroban...), "expected SOROBAN_RPC_URL to begin with https://"},
		{config.NeedJWT, []string{"JWT_JWKS_URL=http://id.example/jwks", "JWT_JWKS_SSLROOTCERT=" + pem}, "expected JWT_JWKS_URL to begin with https://"},
		{config.NeedApp, []string{"NOTIFY_WEBHOOK=http://chat.example/YQ==", "NOTIFY_WEBHOOK_SSLROOTCERT=" + pem}, "expected NOTIFY_WEBHOOK to begin with https://"},
		{config.NeedApp, []string{"NOTIFY_WEBHOOK_SSLROOTCERT=" + pem}, "expected NOTIFY_WEBHOOK to begin with https://"},
		{config.NeedMail, []string{"MAIL_HOST=mx", "MAIL_FROM=a@example.org", "MAIL_SSLROOTCERT=" + other}, "MAIL_SSLROOTCERT: there is no certificate in it"},
		{config.NeedMail, []string{"MAIL_HOST=mx", "MAIL_FROM=a@example.org", "MAIL_BACKUP_SSLROOTCERT=" + pem}, "MAIL_BACKUP_HOST: missing"},
	} {
		_, err := config.Load(config.Options{Environ: c.settings, Dir: dir}, c.needs)
		require.ErrorContains(t, err, c.says)
		require.NotContains(t, err.Error(), "YQ==", "a key that was put there by mistake is not shown")
	}
	cfg, err := config.Load(config.Options{Environ: db, Dir: dir}, config.NeedDB)
	require.NoError(t, err)
	require.Equal(t, config.SSLVerifyFull, cfg.DB.SSLMode, "who names an authority wants it to be asked")
	require.NotNil(t, cfg.DB.RootCAs)
}

// seed is of an account that nobody has.
const seed = "SDHOAMBNLGCE2MV5ZKIVZAQD3VCLGP53P3OBSBI6UN5L5XZI5TKHFQL4"

// certificate is an authority's, whose key nobody has kept.
const certificate = `-----BEGIN CERTIFICATE-----
MIIBSTCB8aADAgECAgEBMAoGCCqGSM49BAMCMBQxEjAQBgNVBAMTCWF1dGhvcml0
eTAgFw0yNDAxMDEwMDAwMDBaGA8yMTI0MDEwMTAwMDAwMFowFDESMBAGA1UEAxMJ
YXV0aG9yaXR5MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEhpXdts3zwtJtT9ew
neLkCWoGM2cMT2bv+58xSn9VwnRvbxEtLruVSv70oVhGh14KQcuMcvlgaRnk9q9v
tuG1SaMyMDAwDwYDVR0TAQH/BAUwAwEB/zAdBgNVHQ4EFgQUPfcAsV0UySQy33/l
b7uJANMNKR4wCgYIKoZIzj0EAwIDRwAwRAIgO3Bn/iegBNmLxozkPh87jRN8fELz
YktgPfY86e/aF/4CIGsQKJ6XGvNeb1bMpXJ39xm1dlwfXOCEyFGQ61tk0ZNF
-----END CERTIFICATE-----
`
