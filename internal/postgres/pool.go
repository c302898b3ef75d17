package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Config says where the database is.
type Config struct {
	Host     string
	Port     int
	User     string
	Password string
	Database string
	// SSLMode is libpq's: disable, prefer, require, verify-ca, verify-full.
	SSLMode string
	// MaxConns bounds the connections of this process.
	MaxConns int32
	// ApplicationName is shown in pg_stat_activity.
	ApplicationName string
}

const (
	// connectTimeout bounds one attempt to connect; the API must answer within
	// 5 s when the database is away.
	connectTimeout = 3 * time.Second
	// idleInTransaction ends the transaction of a process that froze in the
	// middle, so that its row locks do not stop the operation for good.
	idleInTransaction = time.Minute
)

// Open makes a pool of connections. It does not connect: a server that is away
// is no error here, and the pool works as soon as it is back.
func Open(ctx context.Context, c Config) (*pgxpool.Pool, error) {
	pc, err := pgxpool.ParseConfig(c.URL())
	if err != nil {
		return nil, errors.New("the database settings do not fit together; check DB_HOST, DB_PORT, DB_NAME, DB_USERNAME and DB_SSLMODE")
	}
	if c.MaxConns > 0 {
		pc.MaxConns = c.MaxConns
	}
	pc.ConnConfig.ConnectTimeout = connectTimeout
	pc.PingTimeout = connectTimeout // of a connection that was idle: its host may have vanished
	pc.ConnConfig.RuntimeParams["application_name"] = c.ApplicationName
	pc.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = strconv.FormatInt(idleInTransaction.Milliseconds(), 10)
	pc.ConnConfig.RuntimeParams["timezone"] = "UTC"
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("make a connection pool: %w", err)
	}
	return pool, nil
}

// URL is the connection string. It holds the password: never log it.
func (c Config) URL() string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(c.User, c.Password), Path: "/" + c.Database}
	query := url.Values{}
	if strings.HasPrefix(c.Host, "/") { // the directory of a socket, which is no host of a URL
		query.Set("host", c.Host)
		query.Set("port", strconv.Itoa(c.Port))
	} else {
		u.Host = net.JoinHostPort(c.Host, strconv.Itoa(c.Port))
	}
	if c.SSLMode != "" {
		query.Set("sslmode", c.SSLMode)
	}
	u.RawQuery = query.Encode()
	return u.String()
}
