package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tenant-provisioning/internal/tenant"
)

// SQLSTATEs that our own functions raise (migrations/control).
const (
	stateSuperseded  = "TP001"
	stateAlreadyDone = "TP002"
	stateForeign     = "TP003"
	stateCopy        = "TP004"
	stateNotThere    = "TP005"
	stateNotLive     = "TP006"
)

// SQLSTATEs of PostgreSQL (Appendix A of its manual).
const (
	stateNotSupported     = "0A000"
	stateUniqueViolation  = "23505"
	stateDiskFull         = "53100"
	stateLockNotAvailable = "55P03"
	stateDeadlock         = "40P01"
	stateSerialization    = "40001"
	stateReadOnly         = "25006"
	stateNoPrivilege      = "42501"
	stateNoTable          = "42P01"
	stateNoColumn         = "42703"
	stateNoFunction       = "42883"
	stateNoIndex          = "42P10"
	stateNoDatabase       = "3D000"
	stateDependent        = "2BP01"
	stateNoSchema         = "3F000"
	stateNoStatement      = "26000"
	stateNoCursor         = "34000"
	stateStatementTwice   = "42P05"
	stateCursorTwice      = "42P03"
)

// interpret turns the database's errors into the domain's. What it does not
// know is returned as it is.
func interpret(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return tenant.ErrNotFound
	}
	if told, ok := errors.AsType[*tenant.UnavailableError](err); ok {
		return told
	}
	pg, fromServer := errors.AsType[*pgconn.PgError](err)
	switch {
	case fromServer && connecting(err) && !passing(pg) && !lockedOut(pg.Code):
		return &outage{"lets nobody in", err}
	case fromServer:
		return interpretServer(pg)
	case unreachable(err):
		return &outage{"does not answer", err}
	}
	return err
}

// connecting tells errors of the way in, which say nothing about what was to be
// asked. A server whose disk is full may refuse every new connection by an
// internal error, since it can't write what a first one has it cache.
func connecting(err error) bool {
	_, ok := errors.AsType[*pgconn.ConnectError](err)
	return ok
}

func interpretServer(pg *pgconn.PgError) error {
	switch {
	case pg.Code == stateSuperseded:
		return tenant.ErrSuperseded
	case pg.Code == stateCopy:
		return copyError(pg)
	case pg.Code == stateNotLive:
		return &refused{notLive(""), fmt.Errorf("%w: %w", tenant.ErrNotLive, pg)}
	case pg.Code == stateUniqueViolation && pg.ConstraintName == "tenants_name_held":
		return tenant.ErrNameTaken
	case pg.Code == stateUniqueViolation && pg.ConstraintName == "operations_one_open":
		return tenant.ErrOperationOpen
	case pg.Code == stateUniqueViolation && (pg.ConstraintName == "tenants_schema_name_key" || pg.ConstraintName == "tenants_role_name_key"):
		return tenant.ErrIDCollision
	case pg.Code == stateReadOnly:
		return readOnlyError(false, pg)
	case passing(pg):
		return &outage{refusal(pg.Code), pg}
	case lockedOut(pg.Code):
		return &outage{"does not let us in", fmt.Errorf("check DB_USERNAME, DB_PASSWORD and DB_NAME: %w", pg)}
	case pg.Code == stateNoPrivilege:
		return &refused{lacksPrivilege, pg}
	case missing(pg.Code):
		return &refused{lacks(pg.Code), pg}
	}
	return pg
}

const lacksPrivilege = "DB_USERNAME lacks a privilege, the log says on what: it must own the control tables (REASSIGN OWNED BY … TO …), " +
	"and needs CREATE on the database and CREATEROLE"

// lacks is what is said where something is missing.
func lacks(code string) string {
	return "the database lacks a table, column, index or function that this program needs (SQLSTATE " + code + "), " +
		"and the log says which; run: starter migrate, or, where a newer version has migrated the database, replace this program by that version"
}

// missing tells errors of statements about something that is not there, of tables
// that another version has migrated, or that somebody has changed by hand.
func missing(code string) bool {
	switch code {
	case stateNoTable, stateNoColumn, stateNoFunction, stateNoIndex:
		return true
	}
	return false
}

// copyError refuses what a copy of a database must not do: its tenants' roles,
// contracts and mails are those of the original.
func copyError(pg *pgconn.PgError) error {
	return &tenant.StepError{
		Class: tenant.ClassConflict, Permanent: true, Err: fmt.Errorf("%w: %w", tenant.ErrCopy, pg),
		Reason: pg.Message + copyAdvice,
	}
}

const copyAdvice = " on the same server and calls itself the same installation: nothing works on it, since the roles, contracts and mails of its tenants are the original's; docs/OPERATIONS.md says how to make it an installation of its own"

// notLive says what an installation waits for that was restored; how is its not_live,
// if it is known.
func notLive(how string) string {
	const nothing = "this installation was restored from backups and is not live: it sends, dispatches and signs nothing"
	switch how {
	case "clone":
		return nothing + ", and never will, since it was restored with --as-clone"
	case "filling":
		return nothing + ", and not all of its tenants are restored yet; run again: starter restore --all --yes; then: starter restore --go-live"
	}
	return nothing + "; run: starter restore --go-live"
}

// passing tells the errors that go away by themselves, or say nothing about what
// was asked: connections (08), transactions ended for us (25, 40), resources (53),
// locks (55), operator intervention (57), system errors (58), and those of a
// session.
func passing(pg *pgconn.PgError) bool {
	for _, class := range []string{"08", "25", "40", "53", "55", "57", "58"} {
		if strings.HasPrefix(pg.Code, class) {
			return true
		}
	}
	return ofSession(pg)
}

// ofSession tells errors of the state that a connection is in, which another one
// is not: its server is read-only, its prepared statements or cursors are not what
// they should be (a pooler gave it another session), or they were prepared before
// a migration.
func ofSession(pg *pgconn.PgError) bool {
	switch pg.Code {
	case stateReadOnly, stateNoStatement, stateStatementTwice, stateNoCursor, stateCursorTwice:
		return true
	case stateNotSupported: // the message may be a translation
		return pg.Routine == "RevalidateCachedQuery" || strings.Contains(pg.Message, "cached plan must not change result type")
	}
	return false
}

// refusedBySession tells an error after which the same may be asked again on
// another connection: nothing was done, or nothing was even sent.
func refusedBySession(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return ofSession(pg) && !connecting(err)
	}
	return pgconn.SafeToRetry(err) && !connecting(err)
}

// lockedOut tells errors of the connection: a role or password that is refused
// (28), or a database that is not there. They say nothing about what was asked,
// and end when a setting or the server is put right.
func lockedOut(code string) bool { return strings.HasPrefix(code, "28") || code == stateNoDatabase }

func unreachable(err error) bool {
	var netErr net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &netErr) || connecting(err) ||
		pgconn.Timeout(err) || pgconn.SafeToRetry(err) || errors.Is(err, driver.ErrBadConn) || strings.Contains(err.Error(), "conn closed") ||
		strings.Contains(err.Error(), "unexpected EOF")
}

// capacityDelay spaces the attempts while the database has no room: nothing
// but an operator makes room.
const capacityDelay = 15 * time.Second

// stepError says what a failed attempt at a step means to an operator.
func stepError(step tenant.Step, err error) error {
	if _, told := errors.AsType[*tenant.StepError](err); told {
		return err // and is not told again in the words of what is beneath it
	}
	err = interpret(err)
	if _, told := errors.AsType[*tenant.StepError](err); told || errors.Is(err, tenant.ErrSuperseded) {
		return err
	}
	se := &tenant.StepError{Step: step, Dependency: tenant.DependencyDatabase, Err: err, Reason: "the database reported an unexpected error; the worker's log has it"}
	pg, fromServer := errors.AsType[*pgconn.PgError](err)
	told, isTold := errors.AsType[*tenant.UnavailableError](err)
	switch {
	case isTold && pg == nil, isTold && pg.Code == stateReadOnly:
		se.Class = tenant.ClassCapacity
		se.Reason = told.Reason
	case !fromServer && errors.Is(err, tenant.ErrUnavailable):
		se.Reason = "the database does not answer; check that PostgreSQL runs and that DB_HOST and DB_PORT lead to it"
	case !fromServer:
	case pg.Code == stateForeign:
		se.Class, se.Permanent = tenant.ClassConflict, true
		se.Reason = "a schema or role of this name belongs to somebody else; nothing of it was touched"
	case pg.Code == stateDependent:
		se.Class, se.Permanent = tenant.ClassConflict, true
		se.Reason = "something depends on what is to be dropped (SQLSTATE " + pg.Code + ")" + dependents(pg) + "; docs/runbooks/rollback-blocked.md says how to find it and what to do"
	case pg.Code == stateDiskFull:
		se.Class, se.RetryAfter = tenant.ClassCapacity, capacityDelay
		se.Reason = tenant.CauseDiskFull + "; make room"
	case strings.HasPrefix(pg.Code, "53"):
		se.Class = tenant.ClassCapacity
		se.Reason = "the database is at a limit (SQLSTATE " + pg.Code + "): connections, memory or locks"
	case pg.Code == stateNoPrivilege:
		se.Class = tenant.ClassAuth
		se.Reason = lacksPrivilege
	case missing(pg.Code): // another worker, or the next one, may have what fits; nothing is undone for that
		se.Reason = lacks(pg.Code)
	case lockedOut(pg.Code):
		se.Class = tenant.ClassAuth
		se.Reason = "the database refuses DB_USERNAME, DB_PASSWORD or DB_NAME"
	case passing(pg), internal(pg), connecting(err):
		se.Reason = "the database refuses work now (SQLSTATE " + pg.Code + ")"
	default:
		se.Class, se.Permanent = tenant.ClassPermanent, true
		se.Reason = "the database rejects the step's SQL (SQLSTATE " + pg.Code + "); the worker's log has the statement's error"
	}
	return se
}

// maxDetail bounds what is kept of PostgreSQL's own words, in bytes.
const maxDetail = 300

// dependents is PostgreSQL's list of what depends on something: the names of
// objects, and the databases that have others.
func dependents(pg *pgconn.PgError) string {
	detail := strings.Join(strings.FieldsFunc(pg.Detail, func(r rune) bool { return r == '\n' }), "; ")
	if len(detail) > maxDetail {
		detail = strings.ToValidUTF8(detail[:maxDetail], "") + "…"
	}
	if detail == "" {
		return ""
	}
	return ": " + detail
}

// internal tells errors of the server itself (XX). Two changes of one role at the
// same time give one ("tuple concurrently updated"), as does a broken page.
func internal(pg *pgconn.PgError) bool { return strings.HasPrefix(pg.Code, "XX") }

// sqlState is the SQLSTATE of an error of the server, or empty.
func sqlState(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}
