package postgres

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// recheck is how long a connection is believed to lead where it did.
const recheck = time.Second

// trust decides which connections of a process are used. Behind an address that
// stays the same another server may have taken over: then connections that were
// made before still work, and lead to one that nobody writes to any more.
type trust struct {
	// alternatives tells that there is more than one host.
	alternatives bool
	pooler       pooler

	mu sync.Mutex
	// server is where the newest connection leads.
	server string
	// since is when a connection must have been made at the earliest.
	since time.Time
}

const sessionKey = "tenant-provisioning session"

func sessionOf(conn *pgconn.PgConn) *session {
	s, _ := conn.CustomData()[sessionKey].(*session)
	return s
}

// watch has a pool, and every connection that is made by its configuration, use
// only what can be trusted.
func watch(pc *pgxpool.Config, alternatives bool) {
	t := &trust{alternatives: alternatives}
	t.pooler.config = pc.ConnConfig.Config.Copy()
	pc.ConnConfig.ValidateConnect = t.begin
	pc.ConnConfig.OnPgError = t.goesOn
	pc.PrepareConn = t.usable
	pc.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false } // usable asks more
}

// begin looks at a new connection, and makes its session ours.
func (t *trust) begin(ctx context.Context, conn *pgconn.PgConn) error {
	s, err := look(ctx, conn)
	if err != nil {
		return err
	}
	if err := s.fits(t.alternatives); err != nil {
		return err
	}
	if err := t.pooler.keepsSessions(ctx, conn, s); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, pin).ReadAll(); err != nil {
		return err
	}
	conn.CustomData()[sessionKey] = &s
	t.mu.Lock()
	defer t.mu.Unlock()
	t.server = s.server
	return nil
}

// usable decides before each use of a pooled connection. One that is refused is
// closed, and another one taken or made.
func (t *trust) usable(ctx context.Context, conn *pgx.Conn) (bool, error) {
	s := sessionOf(conn.PgConn())
	if !t.upToDate(s) {
		return false, nil
	}
	if time.Since(s.checked) < recheck {
		return true, nil
	}
	err := t.check(ctx, conn.PgConn(), s)
	if err == nil {
		return true, nil
	}
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if errors.Is(err, errMixed) {
		t.pooler.forget()
		return false, err
	}
	// What goes for this one goes for those that are as old.
	t.distrust()
	return false, nil
}

// check asks a connection again.
func (t *trust) check(ctx context.Context, conn *pgconn.PgConn, s *session) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	now, err := look(ctx, conn)
	switch {
	case err != nil:
		return err
	case now.pid != s.pid:
		return errMixed
	case now.standby != s.standby, now.readOnly != s.readOnly:
		return readOnlyError(now.standby, nil)
	}
	s.checked = now.checked
	return nil
}

func (t *trust) upToDate(s *session) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return s != nil && s.server == t.server && !s.made.Before(t.since)
}

// distrust has every connection of now replaced before its next use: not more
// often than once in recheck, or a server that is read-only for good would be
// connected to for each question.
func (t *trust) distrust() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.since) >= recheck {
		t.since = time.Now()
	}
}

// goesOn tells whether a connection can be used after an error of the server. The
// library's own answer reads the severity, which is translated.
func (t *trust) goesOn(_ *pgconn.PgConn, err *pgconn.PgError) bool {
	if err.Code == stateReadOnly {
		t.distrust()
	}
	return !strings.EqualFold(err.SeverityUnlocalized, "FATAL") && !strings.EqualFold(err.Severity, "FATAL") && !ofSession(err)
}
