package connect_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/redis"
)

// callers reach what a setting names: each reads its settings, connects, and is
// answered by nobody.
var callers = map[string]struct {
	needs    config.Section
	settings func(address, port string) []string
	call     func(ctx context.Context, cfg *config.Config, log *slog.Logger) error
}{
	"DB_HOST": {config.NeedDB, func(address, port string) []string {
		return []string{"DB_HOST=" + address, "DB_PORT=" + port, "DB_USERNAME=u", "DB_NAME=d"}
	}, func(ctx context.Context, cfg *config.Config, _ *slog.Logger) error {
		pool, err := connect.Database(ctx, cfg.DB, "test", connect.Metrics{})
		if err != nil {
			return err
		}
		defer pool.Close()
		return pool.Ping(ctx)
	}},
	"REDIS_HOST": {config.NeedRedis, func(address, port string) []string {
		return []string{"REDIS_HOST=" + address, "REDIS_PORT=" + port}
	}, func(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
		limiter, err := redis.NewLimiter(redis.Config{Addr: cfg.Redis.Addr(), Logger: log, Registerer: prometheus.NewRegistry()})
		if err != nil {
			return err
		}
		defer func() { _ = limiter.Close() }()
		return limiter.Ping(ctx)
	}},
	"MAIL_HOST": {config.NeedMail, func(address, port string) []string {
		return []string{"MAIL_HOST=" + address, "MAIL_PORT=" + port, "MAIL_FROM=care@hospital.test"}
	}, probeMail},
	"MAIL_BACKUP_HOST": {config.NeedMail, func(address, port string) []string {
		return []string{"MAIL_HOST=[::1]", "MAIL_PORT=1", "MAIL_BACKUP_HOST=" + address, "MAIL_BACKUP_PORT=" + port, "MAIL_FROM=care@hospital.test"}
	}, probeMail},
	"SENDGRID_BASE_URL": {config.NeedMail, func(address, port string) []string {
		return []string{"MAIL_TRANSPORT=sendgrid", "MAIL_PASSWORD=SG.x", "SENDGRID_BASE_URL=http://" + inURL(address) + ":" + port, "MAIL_FROM=care@hospital.test"}
	}, probeMail},
	"SOROBAN_RPC_URL": {config.NeedSoroban, func(address, port string) []string {
		return []string{
			"SOROBAN_NETWORK=local", "SOROBAN_RPC_URL=http://" + inURL(address) + ":" + port + "/rpc",
			"SOROBAN_SECRET=" + keypair.Root("any network").Seed(),
		}
	}, func(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
		ledger, err := connect.Ledger(cfg.Soroban, nil, log, connect.Metrics{})
		if err != nil {
			return err
		}
		return ledger.Check(ctx)
	}},
	"TEMPORAL_ADDRESS": {config.NeedTemporal, func(address, port string) []string {
		return []string{"TEMPORAL_ADDRESS=" + inURL(address) + ":" + port}
	}, func(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
		c, err := connect.Temporal(cfg.Temporal, log, nil, connect.Metrics{})
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.CheckHealth(ctx, &client.CheckHealthRequest{})
		return err
	}},
}

// patience is longer than any call needs.
const patience = time.Minute

func probeMail(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	postman, err := connect.Postman(cfg.Mail, log, connect.Metrics{})
	if err != nil {
		return err
	}
	return postman.Probe(ctx)
}

// inURL is the address as it stands in a URL, or before a port.
func inURL(address string) string {
	if address[0] == '[' {
		return address
	}
	return "[" + address + "]"
}

// TestAnyHostMayBeAnIPv6Address, with brackets and without.
func TestAnyHostMayBeAnIPv6Address(t *testing.T) {
	t.Parallel()
	for name, c := range callers {
		for _, address := range []string{"::1", "[::1]"} {
			t.Run(name+" "+address, func(t *testing.T) {
				t.Parallel()
				called, port := listenOnIPv6(t)
				cfg, err := config.Load(config.Options{Environ: c.settings(address, port), Dir: t.TempDir()}, c.needs)
				require.NoError(t, err)
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				go func() {
					<-called
					cancel() // it has come to the right place
				}()
				require.Error(t, c.call(ctx, cfg, slog.New(slog.DiscardHandler)), "nobody answers")
				select {
				case <-called:
				default:
					require.Fail(t, "it went elsewhere")
				}
			})
		}
	}
}

// TestMetricsMayListenOnIPv6, which is where METRICS_ADDR leads.
func TestMetricsMayListenOnIPv6(t *testing.T) {
	t.Parallel()
	listenOnIPv6(t) // or skips
	cfg, err := config.Load(config.Options{Environ: []string{"METRICS_ADDR=[::1]:0"}, Dir: t.TempDir()}, config.NeedMetrics)
	require.NoError(t, err)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", cfg.Metrics.Addr)
	require.NoError(t, err)
	require.NoError(t, listener.Close())
}

// listenOnIPv6 closes called when somebody has connected. It answers nobody.
func listenOnIPv6(t *testing.T) (called chan struct{}, port string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "[::1]:0")
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("this machine has no IPv6: %v", err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	called = make(chan struct{})
	once := sync.OnceFunc(func() { close(called) })
	go func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			once()
			_ = conn.Close()
		}
	}()
	tcp, ok := listener.Addr().(*net.TCPAddr)
	require.True(t, ok)
	return called, strconv.Itoa(tcp.Port)
}
