package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/config"
)

// servicesOf is what Kubernetes puts into a container's environment for Services
// of these names.
func servicesOf(names ...string) (environ []string) {
	for _, name := range names {
		environ = append(environ,
			name+"_SERVICE_HOST=10.96.12.7", name+"_SERVICE_PORT=6379", name+"_SERVICE_PORT_MAIN=6379",
			name+"_PORT=tcp://10.96.12.7:6379", name+"_PORT_6379_TCP=tcp://10.96.12.7:6379", name+"_PORT_6379_TCP_PROTO=tcp",
			name+"_PORT_6379_TCP_PORT=6379", name+"_PORT_6379_TCP_ADDR=10.96.12.7")
	}
	return environ
}

// TestServiceLinksAreNoSettings: a Service of the namespace may have any name;
// what Kubernetes sets for it is told of and changes nothing.
func TestServiceLinksAreNoSettings(t *testing.T) {
	t.Parallel()
	plain, err := load(t, every, valid()...)
	require.NoError(t, err)
	require.Empty(t, plain.Warnings)
	cfg, err := load(t, every, valid(servicesOf(
		"APP", "DB", "REDIS", "MAIL", "MAIL_BACKUP", "TEMPORAL", "SOROBAN", "SOROBAN_RPC", "JWT", "LOG", "METRICS", "RATE_LIMIT", "SENDGRID",
		"TENANT_APP", "NODE", "NOTIFY", "PAYLOAD", "STEP", "INVITATION", "TEMPORAL_TLS", "DB_HOST", "REDIS_MASTER",
	)...)...)
	require.NoError(t, err)
	require.Equal(t, plain.App, cfg.App)
	require.Equal(t, plain.DB, cfg.DB)
	require.Equal(t, plain.Redis, cfg.Redis)
	require.Equal(t, plain.Mail, cfg.Mail)
	require.Nil(t, cfg.Mail.Backup, "a Service called mail-backup is no backup")
	require.Equal(t, plain.Temporal.Address, cfg.Temporal.Address)
	require.Len(t, cfg.Warnings, 4, "APP_PORT, DB_PORT, REDIS_PORT and MAIL_PORT: %q", cfg.Warnings)
	for _, w := range cfg.Warnings {
		require.Contains(t, w, "enableServiceLinks: false")
	}
	require.Contains(t, strings.Join(cfg.Warnings, "\n"), `REDIS_PORT=tcp://10.96.12.7:6379 is taken for not set: it is what Kubernetes sets for a Service called "redis"`)

	cfg, err = load(t, every, valid(append(servicesOf("MAIL_BACKUP"), "MAIL_BACKUP_HOST=relay.hospital.test")...)...)
	require.NoError(t, err)
	require.Equal(t, 587, cfg.Mail.Backup.Port)
	require.Len(t, cfg.Warnings, 1)
	require.Contains(t, cfg.Warnings[0], `a Service called "mail-backup"`)
}

// TestFormsOfServiceLinks: of every protocol and address, and nothing else.
func TestFormsOfServiceLinks(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"tcp://10.96.12.7:6379", "udp://10.96.12.7:53", "sctp://10.96.12.7:9", "tcp://[fd00:10:96::7]:6379", "tcp://redis.svc:6379"} {
		cfg, err := load(t, config.NeedRedis, "REDIS_PORT="+value)
		require.NoError(t, err, value)
		require.Equal(t, 6379, cfg.Redis.Port)
		require.Len(t, cfg.Warnings, 1)
	}
	for _, value := range []string{"http://10.96.12.7:6379", "tcp://10.96.12.7", "tcp://user:password@10.96.12.7:6379", "tcp://10.96.12.7:6379/0", "10.96.12.7:6379"} {
		_, err := load(t, config.NeedRedis, "REDIS_PORT="+value)
		require.Contains(t, problems(t, err), "REDIS_PORT", value)
		require.NotContains(t, err.Error(), "password@")
	}
}

// TestAServiceLinkHidesNothing: what .env or a file says is read, and whoever
// needs a setting that only the link has is told.
func TestAServiceLinkHidesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".env"), []byte("REDIS_PORT=6380\n"), 0o600))
	cfg, err := config.Load(config.Options{Dir: dir, Environ: []string{"REDIS_PORT=tcp://10.96.12.7:6379"}}, config.NeedRedis)
	require.NoError(t, err)
	require.Equal(t, 6380, cfg.Redis.Port)
	require.Len(t, cfg.Warnings, 1)

	port := filepath.Join(dir, "port")
	require.NoError(t, os.WriteFile(port, []byte("6381"), 0o600))
	cfg, err = config.Load(config.Options{Dir: t.TempDir(), Environ: []string{"REDIS_PORT=tcp://10.96.12.7:6379", "REDIS_PORT_FILE=" + port}}, config.NeedRedis)
	require.NoError(t, err)
	require.Equal(t, 6381, cfg.Redis.Port)
}
