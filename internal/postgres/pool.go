package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Config says where the database is.
type Config struct {
	// Host is a name, an address or the directory of a socket; or several, with
	// commas between them, of which the first that takes writes is used.
	Host     string
	Port     int
	User     string
	Password string
	Database string
	// SSLMode is libpq's: disable, prefer, require, verify-ca, verify-full.
	SSLMode string
	// RootCAs sign the server's certificate. Nil: the system's do. With them
	// "require" checks the certificate as "verify-ca" does, as in libpq.
	RootCAs *x509.CertPool
	// SSLCert and SSLKey are the files of a certificate by which the server knows
	// us. Both empty: none is sent.
	SSLCert, SSLKey string
	// MaxConns bounds the connections of this process.
	MaxConns int32
	// Tracer is told of each statement; nil: nobody is.
	Tracer pgx.QueryTracer
	// ApplicationName is shown in pg_stat_activity.
	ApplicationName string
	// QueryTook is told how long each statement and each batch took, in seconds. Nil:
	// nobody is.
	QueryTook func(seconds float64)
	// VerifyConnection sees each connection with TLS, as tls.Config's does.
	VerifyConnection func(tls.ConnectionState) error
}

// connectTimeout bounds one attempt to connect, and the question whether a
// connection is still good; the API must answer within 5 s when the database is
// away.
const connectTimeout = 3 * time.Second

// Open makes a pool of connections. It does not connect: a server that is away
// is no error here, and the pool works as soon as it is back.
func Open(ctx context.Context, c Config) (*pgxpool.Pool, error) {
	pc, err := c.parse()
	if err != nil {
		return nil, errors.New("the database settings do not fit together; check DB_HOST, DB_PORT, DB_NAME, DB_USERNAME, DB_SSLMODE, DB_SSLCERT and DB_SSLKEY")
	}
	if c.MaxConns > 0 {
		pc.MaxConns = c.MaxConns
	}
	pc.ConnConfig.ConnectTimeout = connectTimeout
	pc.ConnConfig.RuntimeParams = map[string]string{"application_name": c.ApplicationName, "client_encoding": encoding}
	var tracers []pgx.QueryTracer
	if c.QueryTook != nil {
		tracers = append(tracers, timer{c.QueryTook})
	}
	if c.Tracer != nil {
		tracers = append(tracers, c.Tracer)
	}
	if len(tracers) > 0 {
		pc.ConnConfig.Tracer = multitracer.New(tracers...)
	}
	trustRoots(pc, c)
	watch(pc, strings.Contains(c.Host, ","))
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("make a connection pool: %w", err)
	}
	return pool, nil
}

// parse names every keyword that has a default in a file of the user's home. The
// string that it makes holds the password: never log it.
func (c Config) parse() (*pgxpool.Config, error) {
	sslMode := c.SSLMode
	if sslMode == "require" && c.RootCAs != nil {
		sslMode = "verify-ca"
	}
	var s strings.Builder
	for _, set := range [][2]string{
		{"host", c.Host}, {"port", fmt.Sprint(c.Port)}, {"user", c.User}, {"password", c.Password}, {"dbname", c.Database},
		{"sslmode", sslMode}, {"sslrootcert", ""}, {"sslcert", c.SSLCert}, {"sslkey", c.SSLKey},
		{"passfile", ""}, {"servicefile", ""}, {"target_session_attrs", "any"},
	} {
		fmt.Fprintf(&s, "%s='%s' ", set[0], strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(set[1]))
	}
	return withoutLibpq(func() (*pgxpool.Config, error) { return pgxpool.ParseConfig(s.String()) })
}

var environment sync.Mutex

// withoutLibpq hides libpq's variables (PGSERVICE, PGOPTIONS …) for a moment:
// the library reads them whatever it is told, and they are not settings of ours.
func withoutLibpq[T any](do func() (T, error)) (T, error) {
	environment.Lock()
	defer environment.Unlock()
	for _, kv := range os.Environ() { //nolint:forbidigo // they are hidden, not read
		if name, value, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "PG") {
			_ = os.Unsetenv(name) // fails for impossible names only
			defer func() { _ = os.Setenv(name, value) }()
		}
	}
	return do()
}

// trustRoots changes the configurations where they are: the library's check for
// verify-ca reads the roots from them.
func trustRoots(pc *pgxpool.Config, c Config) {
	all := []*tls.Config{pc.ConnConfig.TLSConfig}
	for _, f := range pc.ConnConfig.Fallbacks {
		all = append(all, f.TLSConfig)
	}
	for _, t := range all {
		if t != nil {
			t.RootCAs, t.MinVersion, t.VerifyConnection = c.RootCAs, tls.VersionTLS12, c.VerifyConnection
		}
	}
}
