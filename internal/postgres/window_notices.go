package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tenant-provisioning/internal/tenant"
)

// tell makes a row for everybody who is told of a change of a window, once for each
// revision of it. What was not sent of an earlier one does not leave any more.
func tell(ctx context.Context, tx pgx.Tx, step tenant.WindowStep, to tenant.WindowAudience) error {
	w := step.Window
	b := &pgx.Batch{}
	insert := func(who string, args ...any) {
		b.Queue(`INSERT INTO maintenance_notices (window_id, revision, about, tenant_id, recipient) `+who+` ON CONFLICT DO NOTHING`,
			append([]any{string(w.ID), w.Revision, string(step.Announce)}, args...)...)
	}
	const staff = `SELECT $1::uuid, $2::integer, $3::text, NULL::uuid, r FROM unnest($4::text[]) r`
	switch step.Announce {
	case tenant.AnnouncePlanned:
		insert(staff, to.Staff)
		if to.Administrators { // one of several tenants is told once
			insert(`SELECT $1::uuid, $2::integer, $3::text, t.id, NULL FROM (
				SELECT DISTINCT ON (lower(admin_email)) id FROM tenants WHERE status = 'ACTIVE' AND admin_email IS NOT NULL ORDER BY lower(admin_email), id) t`)
		}
	case tenant.AnnounceMoved:
		b.Queue(`UPDATE maintenance_notices SET state = 'DROPPED' WHERE window_id = $1 AND revision < $2 AND state = 'PENDING'`, string(w.ID), w.Revision)
		insert(`SELECT $1::uuid, $2::integer, $3::text, tenant_id, recipient FROM maintenance_notices
			WHERE window_id = $1 AND revision < $2 AND about <> 'overrun' GROUP BY tenant_id, recipient`)
	case tenant.AnnounceCancelled: // not to those who were told nothing
		b.Queue(`UPDATE maintenance_notices SET state = 'DROPPED' WHERE window_id = $1 AND revision < $2 AND state = 'PENDING'`, string(w.ID), w.Revision)
		insert(`SELECT $1::uuid, $2::integer, $3::text, tenant_id, recipient FROM maintenance_notices
			WHERE window_id = $1 AND revision < $2 AND about <> 'overrun' AND state IN ('SENDING', 'SENT') GROUP BY tenant_id, recipient`)
	case tenant.AnnounceOverrun:
		insert(staff, to.Staff)
	default:
		return nil
	}
	return run(ctx, tx, b)
}

// TakeNotice leases the next notice of a window that is due, staff's first; false when
// none is, and then next is when one will be, zero when none is left.
func (ws *Windows) TakeNotice(ctx context.Context, id tenant.WindowID, lease time.Duration) (n tenant.WindowNotice, due bool, next time.Time, err error) {
	n = tenant.WindowNotice{}
	err = ws.pool.inTx(ctx, func(tx pgx.Tx) error {
		due, next = false, time.Time{}
		var before, status string
		var age float64
		var revision int
		var now time.Time
		err := tx.QueryRow(ctx, `
			WITH due AS (
				SELECT id, state, extract(epoch FROM now() - coalesce(left_at, created_at))::float8 AS age FROM maintenance_notices
				WHERE window_id = $1 AND state IN ('PENDING', 'SENDING') AND due_at <= now()
				ORDER BY tenant_id NULLS FIRST, due_at LIMIT 1 FOR UPDATE SKIP LOCKED
			), taken AS (
				UPDATE maintenance_notices n SET state = 'SENDING', attempts = n.attempts + 1, due_at = now() + $2::interval,
					left_at = CASE d.state WHEN 'SENDING' THEN n.left_at ELSE now() END
				FROM due d WHERE n.id = d.id
				RETURNING n.id, n.about, n.revision, n.tenant_id, n.recipient, n.attempts, d.state AS before, d.age
			)
			SELECT k.id, k.about, k.revision, k.attempts, k.before, k.age, coalesce(k.recipient, t.admin_email, ''),
				coalesce(t.admin_first_name, ''), coalesce(t.name, ''), coalesce(t.status, ''), now()
			FROM taken k LEFT JOIN tenants t ON t.id = k.tenant_id`, string(id), lease).
			Scan(&n.ID, &n.About, &revision, &n.Attempts, &before, &age, &n.To, &n.Name, &n.Tenant, &status, &now)
		if errors.Is(err, pgx.ErrNoRows) {
			var at *time.Time
			err := tx.QueryRow(ctx, `SELECT min(due_at) FROM maintenance_notices WHERE window_id = $1 AND state IN ('PENDING', 'SENDING')`, string(id)).Scan(&at)
			next = orZero(at)
			return err
		}
		if err != nil {
			return err
		}
		due = true
		n.Doubtful, n.Age = before == "SENDING", seconds(age)
		if n.Window, err = findWindow(ctx, tx, id, ""); err != nil {
			return err
		}
		n.Untrue = n.To == "" || status != "" && status != string(tenant.StatusActive) || !stillTrue(n.Window, n.About, revision, now)
		return nil
	})
	if err != nil {
		return tenant.WindowNotice{}, false, time.Time{}, fmt.Errorf("take a notice of maintenance window %s: %w", id, interpret(err))
	}
	return n, due, next, nil
}

func stillTrue(w tenant.Window, about tenant.WindowAnnouncement, revision int, now time.Time) bool {
	switch about {
	case tenant.AnnouncePlanned, tenant.AnnounceMoved:
		return w.Open() && w.Revision == revision
	case tenant.AnnounceCancelled:
		return w.State == tenant.WindowSkipped && now.Before(w.EndsAt)
	case tenant.AnnounceOverrun:
		return w.State == tenant.WindowRunning
	}
	return false
}

// NoticeSent notes that a notice has left.
func (ws *Windows) NoticeSent(ctx context.Context, id string) error {
	return ws.noteNotice(ctx, `UPDATE maintenance_notices SET state = 'SENT', sent_at = now(), reason = NULL WHERE id = $1`, id)
}

// NoticeDropped notes that a notice does not leave any more.
func (ws *Windows) NoticeDropped(ctx context.Context, id string) error {
	return ws.noteNotice(ctx, `UPDATE maintenance_notices SET state = 'DROPPED' WHERE id = $1`, id)
}

// NoticeFailed notes that the address of a notice is refused for good.
func (ws *Windows) NoticeFailed(ctx context.Context, id, reason string) error {
	return ws.noteNotice(ctx, `UPDATE maintenance_notices SET state = 'FAILED', reason = $2 WHERE id = $1`, id, reason)
}

// PostponeNotice has a notice tried again. When it is in doubt, the provider is asked
// first.
func (ws *Windows) PostponeNotice(ctx context.Context, id string, after time.Duration, doubtful bool, reason string) error {
	return ws.noteNotice(ctx, `UPDATE maintenance_notices SET state = CASE WHEN $3 THEN 'SENDING' ELSE 'PENDING' END, due_at = now() + $2::interval, reason = $4 WHERE id = $1`,
		id, after, doubtful, reason)
}

func (ws *Windows) noteNotice(ctx context.Context, sql string, args ...any) error {
	if _, err := ws.pool.Exec(ctx, sql, args...); err != nil {
		return fmt.Errorf("note what became of the notice %s: %w", args[0], interpret(err))
	}
	return nil
}
