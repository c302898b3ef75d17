package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"tenant-provisioning/internal/tenant"
)

// encoding is that of everything we store.
const encoding = "UTF8"

// idleInTransaction ends the transaction of a process that froze in the middle,
// so that its row locks do not stop the operation for good.
const idleInTransaction = time.Minute

// pins are what a server, a database or a role may set for its sessions and what
// our SQL depends on: where it looks for tables, how values are written as text,
// how transactions see each other, and that nothing but our own contexts ends
// them. They are set by a statement, since a pooler drops what it does not know of
// the start of a session.
//
// default_transaction_read_only is not among them: a server that must not be
// written to (its disk is nearly full, it was replaced) says so by it. Neither is
// role, by which a login may be another one's deputy.
var pins = [][2]string{
	{"client_encoding", encoding},
	{"search_path", "public"},
	{"DateStyle", "ISO, MDY"},
	{"IntervalStyle", "postgres"},
	{"TimeZone", "UTC"},
	{"bytea_output", "hex"},
	{"extra_float_digits", "1"},
	{"standard_conforming_strings", "on"},
	{"array_nulls", "on"},
	{"transform_null_equals", "off"},
	{"row_security", "on"},
	{"default_transaction_isolation", "read committed"},
	{"default_transaction_deferrable", "off"},
	{"statement_timeout", "0"},
	{"lock_timeout", "0"},
	{"transaction_timeout", "0"}, // PostgreSQL 17
	{"idle_session_timeout", "0"},
	{"idle_in_transaction_session_timeout", strconv.FormatInt(idleInTransaction.Milliseconds(), 10)},
}

// pin sets them, but for those that a server does not know. What was committed
// must be on disk: a transaction for the ledger is sent because its row is there.
var pin = func() string {
	set := []string{`set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)`}
	for _, p := range pins {
		set = append(set, fmt.Sprintf(`CASE WHEN current_setting('%[1]s', true) IS NOT NULL THEN set_config('%[1]s', '%[2]s', false) END`, p[0], p[1]))
	}
	return `SELECT ` + strings.Join(set, ", ")
}()

// facts asks what a connection leads to. It must not be ended by a limit of the
// role, and changes nothing that outlives its transaction.
const facts = `SELECT set_config('statement_timeout', '0', true);
	SELECT pg_backend_pid(), pg_is_in_recovery(), current_setting('transaction_read_only') = 'on',
		pg_postmaster_start_time(), current_setting('server_encoding'), current_setting('session_replication_role')`

// errNotPostgres is an answer that PostgreSQL does not give.
var errNotPostgres = errors.New("what answers is not PostgreSQL; check that DB_HOST and DB_PORT lead to it")

// session is what is known of a connection.
type session struct {
	// pid is that of the server's process. A pooler that gives another one to the
	// same connection mixes up sessions.
	pid string
	// server tells servers apart: when this one was started, to the microsecond.
	server      string
	standby     bool
	readOnly    bool
	encoding    string
	replication string

	made, checked time.Time
}

// look asks a connection for its session.
func look(ctx context.Context, conn *pgconn.PgConn) (session, error) {
	results, err := conn.Exec(ctx, facts).ReadAll()
	if err != nil {
		return session{}, fmt.Errorf("ask what the connection leads to: %w", err)
	}
	const columns = 6
	last := results[len(results)-1].Rows
	if len(last) != 1 || len(last[0]) != columns {
		return session{}, fmt.Errorf("ask what the connection leads to: %w", errNotPostgres)
	}
	row := last[0]
	now := time.Now()
	return session{
		pid: string(row[0]), standby: string(row[1]) == "t", readOnly: string(row[2]) == "t",
		server: string(row[3]), encoding: string(row[4]), replication: string(row[5]),
		made: now, checked: now,
	}, nil
}

// fits tells why a session is of no use, if it is not. alternatives tells that
// there is another host to try.
func (s session) fits(alternatives bool) error {
	switch {
	case s.standby, s.readOnly && alternatives:
		return readOnlyError(s.standby, nil)
	case s.encoding != encoding:
		return &tenant.UnavailableError{
			Unfit: true,
			Reason: "the database's encoding is " + s.encoding + ", which does not hold every name; " +
				"make one with UTF8 (CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0) and move the data with pg_dump",
		}
	case s.replication != "origin":
		return &tenant.UnavailableError{
			Unfit: true,
			Reason: "session_replication_role is " + s.replication + " for this login, which switches off the checks of the database; " +
				"ALTER ROLE or ALTER DATABASE … RESET session_replication_role",
		}
	}
	return nil
}

// readOnlyError is a database that answers and takes no writes.
func readOnlyError(standby bool, err error) error {
	reason := "the database is read-only (default_transaction_read_only); check that DB_HOST leads to the primary"
	if standby {
		reason = "the database is a standby, and read-only until it is promoted"
	}
	return &tenant.UnavailableError{Reason: reason, Err: err}
}
