package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	goredis "github.com/redis/go-redis/v9"
)

// Config says where Redis is and how long it may take.
type Config struct {
	// Addr is host:port, of the one server or of any node of a cluster. Required.
	Addr string
	// Username is empty for the user "default".
	Username string
	// Password is empty where the server asks for none.
	Password string
	// TLS encrypts and checks the certificate against the host in Addr.
	TLS bool
	// RootCAs sign that certificate. Nil: the system's roots do.
	RootCAs *x509.CertPool
	// VerifyConnection sees each connection with TLS, as tls.Config's does.
	VerifyConnection func(tls.ConnectionState) error
	// Prefix begins every key, so that installations can share a server.
	// Empty: "tenant-provisioning:".
	Prefix string
	// Timeout bounds one question, connecting included. Zero: 100 ms, a
	// hundred times what an answer takes in one data centre, and little enough
	// to add to a request now and then.
	Timeout time.Duration
	// Cooldown is how long Redis is left alone after it did not answer the second
	// time either. Zero: 2 s. In that time this process limits alone.
	Cooldown time.Duration
	// Now is the time by which requests are counted. Nil: the server's own
	// clock, so that the clocks of the api's machines need not agree.
	Now func() time.Time
	// Logger is told when Redis goes away and when it is back. Required.
	Logger *slog.Logger
	// Registerer receives rate_limit_decisions_total, rate_limit_shared and
	// rate_limit_redis_failures_total. Required.
	Registerer prometheus.Registerer
}

func (c Config) withDefaults() Config {
	if c.Prefix == "" {
		c.Prefix = "tenant-provisioning:"
	}
	if c.Timeout == 0 {
		c.Timeout = 100 * time.Millisecond
	}
	if c.Cooldown == 0 {
		c.Cooldown = 2 * time.Second
	}
	return c
}

func (c Config) validate() error {
	var problems []error
	if c.Addr == "" {
		problems = append(problems, errors.New("no address"))
	}
	if c.Timeout < 0 || c.Cooldown < 0 {
		problems = append(problems, errors.New("a negative duration"))
	}
	if c.Logger == nil {
		problems = append(problems, errors.New("no logger"))
	}
	if c.Registerer == nil {
		problems = append(problems, errors.New("no registerer"))
	}
	return errors.Join(problems...)
}

// SendLibraryLogs hands what go-redis says about its connections to a logger, at
// debug level, for the limiter reports an outage itself. The library has one
// logger for the whole process, standard error: main calls this, once, before
// any limiter is made.
func SendLibraryLogs(logger *slog.Logger) { goredis.SetLogger(libraryLogs{logger}) }

type libraryLogs struct{ logger *slog.Logger }

func (l libraryLogs) Printf(ctx context.Context, format string, args ...any) {
	l.logger.DebugContext(ctx, "go-redis", "message", fmt.Sprintf(format, args...))
}
