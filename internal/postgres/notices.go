package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/tenant"
)

// Notices are what people are told, each once.
type Notices struct{ pool database }

// NewNotices keeps notices on a pool.
func NewNotices(pool *pgxpool.Pool) *Notices { return &Notices{pool: database{pool}} }

// parkings are the operations that wait for a person. Each parking before the
// deadline has a deadline of its own; a blocked rollback has none.
const parkings = `operations o WHERE o.state IN ('NEEDS_ATTENTION', 'ROLLBACK_BLOCKED')`

// Collect makes a notice for each recipient of everything that has
// parked and was told to nobody, once the oldest of it is as old as window, of
// each incident that has lasted that long, and of each outage of all workers and other
// trouble. A lock keeps two processes from making two mails of it; the parkings' key and
// those of the others keep them from telling one twice.
func (ns *Notices) Collect(ctx context.Context, recipients []string, window time.Duration) error {
	err := ns.pool.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('notices'))`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			WITH untold AS (
				SELECT o.id, o.state, coalesce(o.attention_deadline, '-infinity') AS deadline, o.updated_at FROM `+parkings+`
				  AND NOT EXISTS (SELECT FROM notice_parkings p
					WHERE p.operation_id = o.id AND p.state = o.state AND p.deadline = coalesce(o.attention_deadline, '-infinity'))
			), told AS (
				INSERT INTO notice_parkings (operation_id, state, deadline, batch)
				SELECT u.id, u.state, u.deadline, b.id FROM untold u, (SELECT gen_random_uuid() AS id) b
				WHERE (SELECT min(updated_at) FROM untold) <= now() - $2::interval
				ON CONFLICT DO NOTHING RETURNING batch
			)
			INSERT INTO notices (batch, recipient)
			SELECT b.batch, r FROM (SELECT DISTINCT batch FROM told) b CROSS JOIN unnest($1::text[]) r`, recipients, window)
		if err != nil {
			return err
		}
		if err := collectIncidents(ctx, tx, recipients, window); err != nil {
			return err
		}
		if err := collectOutages(ctx, tx, recipients); err != nil {
			return err
		}
		return collectTroubles(ctx, tx, recipients)
	})
	if err != nil {
		return fmt.Errorf("collect what needs attention: %w", interpret(err))
	}
	return nil
}

// collectIncidents makes the notices of incidents. That one is over is told to
// those who know of it, and only when it can't be opened again: who is told at
// 03:00 that it is over goes to sleep.
func collectIncidents(ctx context.Context, tx pgx.Tx, recipients []string, window time.Duration) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO notices (batch, recipient, incident_id)
		SELECT gen_random_uuid(), r, i.id FROM incidents i CROSS JOIN unnest($1::text[]) r
		WHERE i.closed_at IS NULL AND i.opened_at <= now() - $2::interval
		ON CONFLICT DO NOTHING`, recipients, window)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO notices (batch, recipient, incident_id, over)
		SELECT gen_random_uuid(), n.recipient, i.id, true FROM incidents i JOIN notices n ON n.incident_id = i.id
		WHERE n.state = 'SENT' AND NOT n.over AND i.closed_at <= now() - $1::interval
		  AND (n.sent_at < i.closed_at + $1::interval) -- a later one has said so already
		  AND NOT EXISTS (SELECT FROM notices o WHERE o.incident_id = i.id AND o.over AND o.recipient = n.recipient)
		ON CONFLICT DO NOTHING`, tenant.IncidentQuiet)
	return err
}

// collectOutages makes the notices of outages of all workers: at once, since one
// is opened only when it has lasted, and when it is over, to those who know of it.
func collectOutages(ctx context.Context, tx pgx.Tx, recipients []string) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO notices (batch, recipient, outage_id)
		SELECT gen_random_uuid(), r, o.id FROM worker_outages o CROSS JOIN unnest($1::text[]) r WHERE o.closed_at IS NULL
		ON CONFLICT DO NOTHING`, recipients)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO notices (batch, recipient, outage_id, over)
		SELECT gen_random_uuid(), n.recipient, o.id, true FROM worker_outages o JOIN notices n ON n.outage_id = o.id
		WHERE n.state = 'SENT' AND NOT n.over AND o.closed_at IS NOT NULL
		  AND NOT EXISTS (SELECT FROM notices d WHERE d.outage_id = o.id AND d.over AND d.recipient = n.recipient)
		ON CONFLICT DO NOTHING`)
	return err
}

// lease is a notice that was taken, and what it is about.
type lease struct {
	notice           tenant.Notice
	batch            string
	incident, outage *int64
	trouble          tenant.Trouble
	over             bool
}

// Take leases the next notice that is due, of those that leave by mail, by
// the webhook or both, with those of its operations that still wait, or its
// incident, outage or trouble if that still is as it tells; false when none is due.
func (ns *Notices) Take(ctx context.Context, lasts time.Duration, byMail, byWebhook bool) (n tenant.Notice, due bool, err error) {
	err = ns.pool.inTx(ctx, func(tx pgx.Tx) error {
		l, err := takeNotice(ctx, tx, lasts, byMail, byWebhook)
		if err != nil {
			return err
		}
		n = l.notice
		switch {
		case l.incident != nil:
			n.Incident, err = incidentToTell(ctx, tx, *l.incident, l.over)
			n.Late = !l.over && !n.Incident.ClosedAt.IsZero()
		case l.outage != nil:
			n.Outage, err = outageToTell(ctx, tx, *l.outage, l.over)
		case l.trouble.Kind != "":
			n.Trouble, err = troubleToTell(ctx, tx, l.trouble)
		default:
			n.Operations, err = parkingsToTell(ctx, tx, l.batch)
		}
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return tenant.Notice{}, false, nil
	}
	if err != nil {
		return tenant.Notice{}, false, fmt.Errorf("take a notice: %w", interpret(err))
	}
	return n, true, nil
}

func takeNotice(ctx context.Context, tx pgx.Tx, lasts time.Duration, byMail, byWebhook bool) (l lease, err error) {
	var before string
	var age float64
	var since, until *time.Time
	err = tx.QueryRow(ctx, `
		WITH due AS (
			SELECT id, state, extract(epoch FROM now() - coalesce(left_at, created_at))::float8 AS age FROM notices
			WHERE state IN ('PENDING', 'SENDING') AND due_at <= now() AND CASE recipient WHEN $2 THEN $3::boolean ELSE $4::boolean END
			ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
		)
		UPDATE notices n SET state = 'SENDING', attempts = n.attempts + 1, due_at = now() + $1::interval,
			left_at = CASE d.state WHEN 'SENDING' THEN n.left_at ELSE now() END
		FROM due d WHERE n.id = d.id
		RETURNING n.id::text, n.recipient, n.attempts, n.batch::text, n.incident_id, n.outage_id, n.over, d.state, d.age,
			coalesce(n.trouble, ''), coalesce(n.subject, ''), coalesce(n.cause, ''), n.since, CASE WHEN n.over THEN n.created_at END`,
		lasts, tenant.NoticeWebhook, byWebhook, byMail).
		Scan(&l.notice.ID, &l.notice.To, &l.notice.Attempts, &l.batch, &l.incident, &l.outage, &l.over, &before, &age,
			&l.trouble.Kind, &l.trouble.Subject, &l.trouble.Cause, &since, &until)
	l.notice.Doubtful, l.notice.Age = before == "SENDING", seconds(age)
	l.trouble.Since, l.trouble.Until = orZero(since), orZero(until)
	return l, err
}

// parkingsToTell are those operations of a batch that still wait as they did.
func parkingsToTell(ctx context.Context, tx pgx.Tx, batch string) ([]tenant.Operation, error) {
	rows, err := tx.Query(ctx, `
		SELECT `+operationColumns+` FROM operations o JOIN notice_parkings p ON p.operation_id = o.id AND p.state = o.state
			AND p.deadline = coalesce(o.attention_deadline, '-infinity')
		WHERE p.batch = $1::uuid ORDER BY o.updated_at, o.id`, batch)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanOperation)
}

// incidentToTell is the incident that a notice is about; zero when it has ended,
// or was opened again, before the notice left. An outage of e-mail is told all the
// same when it has ended: it is what has kept the notice from leaving.
func incidentToTell(ctx context.Context, tx pgx.Tx, id int64, over bool) (tenant.Incident, error) {
	rows, err := tx.Query(ctx, `SELECT `+incidentColumns+` FROM incidents i 
		WHERE i.id = $1 AND ((i.closed_at IS NOT NULL) = $2 OR i.closed_at IS NOT NULL AND i.dependency = $3)`, id, over, string(tenant.DependencyMail))
	if err != nil {
		return tenant.Incident{}, err
	}
	i, err := pgx.CollectExactlyOneRow(rows, scanIncident)
	if errors.Is(err, pgx.ErrNoRows) {
		return tenant.Incident{}, nil
	}
	return i, err
}

// outageToTell is the outage that a notice is about; zero when it has ended
// before the notice left.
func outageToTell(ctx context.Context, tx pgx.Tx, id int64, over bool) (tenant.WorkerOutage, error) {
	rows, err := tx.Query(ctx, `SELECT `+outageColumns+` FROM worker_outages o WHERE o.id = $1 AND (o.closed_at IS NOT NULL) = $2`, id, over)
	if err != nil {
		return tenant.WorkerOutage{}, err
	}
	o, err := pgx.CollectExactlyOneRow(rows, scanOutage)
	if errors.Is(err, pgx.ErrNoRows) {
		return tenant.WorkerOutage{}, nil
	}
	return o, err
}

// Sent notes that the provider has taken it.
func (ns *Notices) Sent(ctx context.Context, id string) error {
	return ns.settle(ctx, `UPDATE notices SET state = 'SENT', sent_at = now() WHERE id = $1::uuid`, id)
}

// Drop notes that there is nothing left to tell.
func (ns *Notices) Drop(ctx context.Context, id string) error {
	return ns.settle(ctx, `UPDATE notices SET state = 'DROPPED' WHERE id = $1::uuid AND state <> 'SENT'`, id)
}

// Postpone has it tried again. When it is in doubt it stays SENDING: the
// provider is asked first.
func (ns *Notices) Postpone(ctx context.Context, id string, after time.Duration, doubtful bool) error {
	return ns.settle(ctx, `
		UPDATE notices SET state = CASE WHEN $3::boolean THEN 'SENDING' ELSE 'PENDING' END, due_at = now() + $2::interval
		WHERE id = $1::uuid AND state <> 'SENT'`, id, after, doubtful)
}

func (ns *Notices) settle(ctx context.Context, sql, id string, args ...any) error {
	if _, err := ns.pool.Exec(ctx, sql, append([]any{id}, args...)...); err != nil {
		return fmt.Errorf("write what became of notice %s: %w", id, interpret(err))
	}
	return nil
}
