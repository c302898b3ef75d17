package connect_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/mail/mailtest"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/redis"
	"tenant-provisioning/internal/redis/redistest"
	"tenant-provisioning/internal/tenant"
)

var quiet = slog.New(slog.DiscardHandler)

// asked is a client that is made of settings and asks its server something.
type asked func(t *testing.T, settings ...string) error

func load(t *testing.T, needs config.Section, settings ...string) *config.Config {
	t.Helper()
	cfg, err := config.Load(config.Options{Environ: settings, Dir: t.TempDir()}, needs)
	require.NoError(t, err)
	return cfg
}

// trusts checks that a server whose certificate a private authority has signed is
// taken with that authority, however it is given, and with no other.
func trusts(t *testing.T, signed *authority, name string, ask asked) {
	t.Helper()
	require.NoError(t, ask(t, name+"="+signed.file), "the path of a file")
	require.NoError(t, ask(t, name+"="+string(signed.pem)), "the certificate itself")
	require.NoError(t, ask(t, name+"_FILE="+signed.file), "as every setting")
	require.ErrorContains(t, ask(t, name+"="+newAuthority(t).file), "certificate")
	require.ErrorContains(t, ask(t), "certificate", "the system does not know it")
}

func TestAPrivateAuthorityOfTheDatabase(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	certificate, key := a.sign("server")
	server := postgrestest.StartWithTLS(t, certificate, key, a.pem)
	login := server.Superuser()
	common := []string{"DB_HOST=127.0.0.1", "DB_PORT=" + server.Port(), "DB_USERNAME=" + login.User, "DB_PASSWORD=" + login.Password, "DB_NAME=postgres"}
	ask := func(t *testing.T, settings ...string) error {
		t.Helper()
		pool, err := connect.Database(t.Context(), load(t, config.NeedDB, append(settings, common...)...).DB, "test", connect.Metrics{})
		require.NoError(t, err)
		defer pool.Close()
		var encrypted bool
		err = pool.QueryRow(t.Context(), `SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`).Scan(&encrypted)
		require.True(t, err != nil || encrypted)
		return err
	}
	for _, mode := range []string{"verify-ca", "verify-full"} {
		trusts(t, a, "DB_SSLROOTCERT", func(t *testing.T, settings ...string) error {
			t.Helper()
			return ask(t, append(settings, "DB_SSLMODE="+mode)...)
		})
	}
	require.NoError(t, ask(t, "DB_SSLROOTCERT="+a.file), "verify-full")
	require.ErrorContains(t, ask(t, "DB_SSLROOTCERT="+newAuthority(t).file), "certificate")
	require.ErrorContains(t, ask(t, "DB_SSLROOTCERT="+newAuthority(t).file, "DB_SSLMODE=require"), "certificate")

	certificate, key = a.sign(postgrestest.CertificateOnly)
	common[2], common[3] = "DB_USERNAME="+postgrestest.CertificateOnly, "DB_PASSWORD="
	require.NoError(t, ask(t, "DB_SSLROOTCERT="+a.file, "DB_SSLCERT="+a.write("client.crt", certificate), "DB_SSLKEY="+a.write("client.key", key)))
	require.ErrorContains(t, ask(t, "DB_SSLROOTCERT="+a.file), "certificate")
}

func TestAPrivateAuthorityOfRedis(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	port := a.front(redistest.Start(t).Addr)
	trusts(t, a, "REDIS_SSLROOTCERT", func(t *testing.T, settings ...string) error {
		t.Helper()
		c := load(t, config.NeedRedis, append(settings, "REDIS_HOST=127.0.0.1", "REDIS_PORT="+port, "REDIS_TLS=true")...).Redis
		limiter, err := redis.NewLimiter(redis.Config{
			Addr: c.Addr(), TLS: c.TLS, RootCAs: c.RootCAs, Timeout: patience, Logger: quiet, Registerer: prometheus.NewRegistry(),
		})
		require.NoError(t, err)
		defer limiter.Close()
		return limiter.Ping(t.Context())
	})
}

// TestAPrivateAuthorityOfTemporal by the SDK's own names.
func TestAPrivateAuthorityOfTemporal(t *testing.T) {
	t.Parallel()
	postgrestest.Superuser(t) // and with it the stack, Temporal among it
	a := newAuthority(t)
	port := a.front(os.Getenv("TEMPORAL_ADDRESS"), "h2")
	ask := func(t *testing.T, settings ...string) error {
		t.Helper()
		c, err := connect.Temporal(load(t, config.NeedTemporal, append(settings, "TEMPORAL_ADDRESS=127.0.0.1:"+port)...).Temporal, quiet, nil, connect.Metrics{})
		require.NoError(t, err)
		defer c.Close()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err = c.CheckHealth(ctx, &client.CheckHealthRequest{})
		return err
	}
	require.NoError(t, ask(t, "TEMPORAL_TLS_SERVER_CA_CERT_PATH="+a.file))
	require.NoError(t, ask(t, "TEMPORAL_TLS_SERVER_CA_CERT_DATA="+string(a.pem)))
	require.NoError(t, ask(t, "TEMPORAL_TLS_SERVER_CA_CERT_DATA_FILE="+a.file))
	require.ErrorContains(t, ask(t, "TEMPORAL_TLS_SERVER_CA_CERT_PATH="+newAuthority(t).file), "certificate")
	require.ErrorContains(t, ask(t, "TEMPORAL_TLS=true"), "certificate")
}

func TestAPrivateAuthorityOfTheMailServer(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return nobody{}, nil }))
	server.Domain, server.TLSConfig, server.ErrorLog = "mx.example.org", a.settings(), quietSMTP{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = server.Serve(listener) }() // ends with Close
	t.Cleanup(func() { _ = server.Close() })
	open := smtp.NewServer(server.Backend)
	open.Domain, open.ErrorLog = "mx.example.org", quietSMTP{}
	withoutTLS, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = open.Serve(withoutTLS) }() // ends with Close
	t.Cleanup(func() { _ = open.Close() })

	ask := func(t *testing.T, settings ...string) error {
		t.Helper()
		return probe(t, append([]string{"MAIL_HOST=127.0.0.1", "MAIL_PORT=" + portOf(listener)}, settings...)...)
	}
	trusts(t, a, "MAIL_SSLROOTCERT", ask)
	require.ErrorContains(t, ask(t, "MAIL_SSLROOTCERT="+a.file, "MAIL_PORT="+portOf(withoutTLS)), "STARTTLS", "an authority is not asked in vain")
}

func TestAPrivateAuthorityOfTheMailAPI(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	port := a.front(strings.TrimPrefix(mailtest.NewServer(t).URL, "http://"))
	trusts(t, a, "MAIL_SSLROOTCERT", func(t *testing.T, settings ...string) error {
		t.Helper()
		return probe(t, append(settings, "MAIL_TRANSPORT=sendgrid", "SENDGRID_BASE_URL=https://127.0.0.1:"+port, "MAIL_PASSWORD="+mailtest.APIKey)...)
	})
}

// TestAPrivateAuthorityOfTheBackup, which has its own.
func TestAPrivateAuthorityOfTheBackup(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	port := a.front(strings.TrimPrefix(mailtest.NewServer(t).URL, "http://"))
	trusts(t, a, "MAIL_BACKUP_SSLROOTCERT", func(t *testing.T, settings ...string) error {
		t.Helper()
		cfg := load(t, config.NeedMail, append(settings, "MAIL_FROM=a@example.org", "MAIL_HOST=127.0.0.1", "MAIL_BACKUP_TRANSPORT=sendgrid",
			"SENDGRID_BASE_URL=https://127.0.0.1:"+port, "MAIL_BACKUP_PASSWORD="+mailtest.APIKey)...)
		require.Nil(t, cfg.Mail.RootCAs)
		backup := cfg.Mail
		backup.MailServer, backup.Backup = *cfg.Mail.Backup, nil
		postman, err := connect.Postman(backup, quiet, connect.Metrics{})
		require.NoError(t, err)
		return postman.Probe(t.Context())
	})
}

func probe(t *testing.T, settings ...string) error {
	t.Helper()
	postman, err := connect.Postman(load(t, config.NeedMail, append(settings, "MAIL_FROM=a@example.org")...).Mail, quiet, connect.Metrics{})
	require.NoError(t, err)
	return postman.Probe(t.Context())
}

func TestAPrivateAuthorityOfTheRPCServer(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	const passphrase = "Network of a Test"
	port := a.serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"jsonrpc":"2.0","id":1,"result":{"passphrase":"` + passphrase + `","protocolVersion":23}}`)) // a caller that has gone
	}))
	trusts(t, a, "SOROBAN_RPC_SSLROOTCERT", func(t *testing.T, settings ...string) error {
		t.Helper()
		cfg := load(t, config.NeedSoroban|config.NeedDB, append(settings, "SOROBAN_RPC_URL=https://127.0.0.1:"+port, "SOROBAN_NETWORK="+passphrase,
			"SOROBAN_SECRET="+keypair.MustRandom().Seed(), "DB_USERNAME=nobody", "DB_NAME=none")...)
		pool, err := connect.Database(t.Context(), cfg.DB, "test", connect.Metrics{})
		require.NoError(t, err)
		defer pool.Close()
		ledger, err := connect.Ledger(cfg.Soroban, pool, quiet, connect.Metrics{})
		require.NoError(t, err)
		return ledger.Check(t.Context())
	})
}

func TestAPrivateAuthorityOfTheIdentityProvider(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	port := a.serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`)) // a caller that has gone
	}))
	trusts(t, a, "JWT_JWKS_SSLROOTCERT", func(t *testing.T, settings ...string) error {
		t.Helper()
		var log bytes.Buffer
		_, err := connect.Verifier(t.Context(), load(t, config.NeedJWT, append(settings, "JWT_JWKS_URL=https://127.0.0.1:"+port)...).JWT,
			slog.New(slog.NewTextHandler(&log, nil)))
		require.NoError(t, err, "it goes on without keys")
		if log.Len() > 0 {
			return errors.New(log.String())
		}
		return nil
	})
}

func TestAPrivateAuthorityOfTheWebhook(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	port := a.serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	trusts(t, a, "NOTIFY_WEBHOOK_SSLROOTCERT", func(t *testing.T, settings ...string) error {
		t.Helper()
		hook := connect.Webhook(load(t, config.NeedApp, append(settings, "NOTIFY_WEBHOOK=https://127.0.0.1:"+port)...).App)
		_, err := hook.SendNotice(t.Context(), tenant.Notice{ID: "1", Incident: tenant.Incident{ID: 1}})
		return err
	})
}

// nobody is a mail session in which nothing is sent.
type nobody struct{ smtp.Session }

func (nobody) Logout() error { return nil }

type quietSMTP struct{}

func (quietSMTP) Printf(string, ...any) {}
func (quietSMTP) Println(...any)        {}
