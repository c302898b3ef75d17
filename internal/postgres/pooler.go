package postgres

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"tenant-provisioning/internal/tenant"
)

const (
	// poolerKnown is how long a pooler is believed to keep sessions.
	poolerKnown = time.Minute
	// poolerLooks is how often it is tried whether it does not. Another client may
	// take the session that is looked for.
	poolerLooks = 3
	// secondTimeout bounds the wait for a second connection of a pooler that may
	// have none left.
	secondTimeout = 2 * time.Second
)

// errMixed is a pooler in transaction or statement mode: notifications, locks,
// prepared statements and what is set for a session get lost in it, or to others.
var errMixed = &tenant.UnavailableError{
	Unfit: true,
	Reason: "between this program and the database is a pooler that gives the sessions of one connection to others (pool_mode = transaction or statement); " +
		"set pool_mode = session for this database, or let DB_HOST and DB_PORT lead to PostgreSQL itself",
}

// pooler is what is known of what stands between us and the server.
type pooler struct {
	// config makes a connection that is not looked at.
	config *pgconn.Config

	mu    sync.Mutex
	asked time.Time
}

// keepsSessions fails with errMixed where transactions of one connection are done
// in several sessions. A pooler tells a client another process than the server's.
func (p *pooler) keepsSessions(ctx context.Context, conn *pgconn.PgConn, s session) error {
	if s.pid == strconv.FormatUint(uint64(conn.PID()), 10) {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.asked.IsZero() && time.Since(p.asked) < poolerKnown {
		return nil
	}
	mixed, err := p.mixes(ctx, conn)
	switch {
	case mixed:
		return errMixed
	case err != nil && ctx.Err() != nil:
		return err
	case err == nil:
		p.asked = time.Now()
	}
	return nil // a pooler without a second connection: usable asks again
}

// forget has the next connection ask again.
func (p *pooler) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = time.Time{}
}

// mixes looks for proof: a session of one connection that is another's while both
// are open, or a connection whose session changes.
func (p *pooler) mixes(ctx context.Context, conn *pgconn.PgConn) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, secondTimeout)
	defer cancel()
	second, err := pgconn.ConnectConfig(ctx, p.config)
	if err != nil {
		return false, err
	}
	defer second.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing was done on it
	for range poolerLooks {
		before, err := processOf(ctx, conn, `SELECT pg_backend_pid()`)
		if err != nil {
			return false, err
		}
		other, err := processOf(ctx, second, `BEGIN; SELECT pg_backend_pid()`)
		if pg, refused := errors.AsType[*pgconn.PgError](err); refused && strings.HasPrefix(pg.Code, "08") {
			return true, nil // there are no transactions in statement mode
		}
		if err != nil {
			return false, err
		}
		if other == before {
			return true, nil
		}
		after, err := processOf(ctx, conn, `SELECT pg_backend_pid()`)
		if err != nil || after != before {
			return err == nil, err
		}
		if _, err := second.Exec(ctx, `ROLLBACK`).ReadAll(); err != nil {
			return false, err
		}
	}
	return false, nil
}

func processOf(ctx context.Context, conn *pgconn.PgConn, sql string) (string, error) {
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return "", err
	}
	rows := results[len(results)-1].Rows
	if len(rows) != 1 {
		return "", errNotPostgres
	}
	return string(rows[0][0]), nil
}
