package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/probe"
	"tenant-provisioning/internal/tenant"
)

// maxWindows bounds a listing: some years of windows.
const maxWindows = 100

// Windows are the maintenance windows, with their tasks and notices.
type Windows struct {
	pool database
	// readOnly is the window for which every change asks.
	readOnly *probe.Shared[tenant.Window]
}

// NewWindows keeps maintenance windows on a pool. Whoever asks for the read-only one
// shares the answer with all who ask the same Windows.
func NewWindows(pool *pgxpool.Pool) *Windows {
	ws := &Windows{pool: database{pool}}
	ws.readOnly = probe.Share(outageTimeout, ws.readReadOnly)
	return ws
}

const windowColumns = `w.id, w.state, w.month IS NOT NULL, w.title, w.message, coalesce(w.mode, ''), w.starts_at, w.ends_at,
	w.started_at, w.ended_at, w.overrun_at, w.note, w.decided, w.revision, w.announced_at`

func scanWindow(row pgx.CollectableRow) (tenant.Window, error) {
	var w tenant.Window
	var started, ended, overrun, announced *time.Time
	err := row.Scan(&w.ID, &w.State, &w.Regular, &w.Title, &w.Message, &w.Mode, &w.StartsAt, &w.EndsAt,
		&started, &ended, &overrun, &w.Note, &w.Decided, &w.Revision, &announced)
	w.StartedAt, w.EndedAt, w.OverrunAt, w.AnnouncedAt = orZero(started), orZero(ended), orZero(overrun), orZero(announced)
	return w, err
}

// List lists the windows that end after a time, the earliest first, without their
// tasks: those of today and to come, and as many of before as since asks for. At most
// 100, the latest.
func (ws *Windows) List(ctx context.Context, since time.Time) ([]tenant.Window, error) {
	rows, err := ws.pool.Query(ctx, fmt.Sprintf(`
		SELECT %s FROM (SELECT * FROM maintenance_windows WHERE coalesce(ended_at, ends_at) > $1 OR state IN ('PLANNED', 'RUNNING')
			ORDER BY starts_at DESC LIMIT %d) w ORDER BY w.starts_at, w.id`, windowColumns, maxWindows), since)
	if err != nil {
		return nil, fmt.Errorf("read the maintenance windows: %w", interpret(err))
	}
	found, err := pgx.CollectRows(rows, scanWindow)
	if err != nil {
		return nil, fmt.Errorf("read the maintenance windows: %w", interpret(err))
	}
	return found, nil
}

// Find reads a window with its tasks.
func (ws *Windows) Find(ctx context.Context, id tenant.WindowID) (tenant.Window, error) {
	w, err := findWindow(ctx, ws.pool, id, "")
	if err != nil {
		return tenant.Window{}, fmt.Errorf("read maintenance window %s: %w", id, interpret(err))
	}
	return w, nil
}

func findWindow(ctx context.Context, db querier, id tenant.WindowID, lock string) (w tenant.Window, err error) {
	rows, err := db.Query(ctx, `SELECT `+windowColumns+` FROM maintenance_windows w WHERE w.id = $1 `+lock, string(id))
	if err != nil {
		return w, err
	}
	if w, err = pgx.CollectExactlyOneRow(rows, scanWindow); err != nil {
		return w, err
	}
	rows, err = db.Query(ctx, `SELECT name, manual, state, started_at, ended_at, detail FROM maintenance_tasks WHERE window_id = $1 ORDER BY position`, string(id))
	if err != nil {
		return w, err
	}
	w.Tasks, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (t tenant.WindowTask, err error) {
		var started, ended *time.Time
		err = row.Scan(&t.Name, &t.Manual, &t.State, &started, &ended, &t.Detail)
		t.StartedAt, t.EndedAt = orZero(started), orZero(ended)
		return t, err
	})
	return w, err
}

// Now is the clock by which people's changes are dated.
func (ws *Windows) Now(ctx context.Context) (now time.Time, err error) {
	if err = ws.pool.QueryRow(ctx, `SELECT now()`).Scan(&now); err != nil {
		return now, fmt.Errorf("read the clock: %w", interpret(err))
	}
	return now, nil
}

// Plan makes a window that a person plans.
func (ws *Windows) Plan(ctx context.Context, w tenant.Window, e tenant.AuditEntry) (tenant.Window, error) {
	err := ws.pool.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO maintenance_windows (id, title, message, mode, starts_at, ends_at, decided)
			VALUES ($1, $2, $3, nullif($4, ''), $5, $6, true)`, string(w.ID), w.Title, w.Message, string(w.Mode), w.StartsAt, w.EndsAt)
		if err != nil {
			return err
		}
		if err := run(ctx, tx, taskRows(w)); err != nil {
			return err
		}
		return audit(ctx, tx, e)
	})
	if err != nil {
		return tenant.Window{}, fmt.Errorf("plan a maintenance window: %w", interpret(err))
	}
	return ws.Find(ctx, w.ID)
}

// Change makes of a window what change says, in one transaction with its entry in the
// audit log and the rows of those who are told; nothing when that is a zero step. It
// returns what the window is then. The row's lock keeps two from changing it at once.
func (ws *Windows) Change(ctx context.Context, id tenant.WindowID, to tenant.WindowAudience, change func(tenant.Window) (tenant.WindowStep, error)) (tenant.Window, error) {
	var w tenant.Window
	err := ws.pool.inTx(ctx, func(tx pgx.Tx) (err error) {
		if w, err = findWindow(ctx, tx, id, "FOR UPDATE"); err != nil {
			return err
		}
		step, err := change(w)
		if err != nil || step.Window.ID == "" {
			return err
		}
		w = step.Window
		if err := run(ctx, tx, windowRows(w)); err != nil {
			return err
		}
		if err := tell(ctx, tx, step, to); err != nil {
			return err
		}
		if step.Audit.Action == "" {
			return nil
		}
		return audit(ctx, tx, step.Audit)
	})
	if err != nil {
		return tenant.Window{}, fmt.Errorf("change maintenance window %s: %w", id, interpret(err))
	}
	return w, nil
}

// windowRows writes a window and its tasks as they are now.
func windowRows(w tenant.Window) *pgx.Batch {
	b := taskRows(w)
	b.Queue(`UPDATE maintenance_windows SET state = $2, mode = nullif($3, ''), starts_at = $4, ends_at = $5, started_at = $6, ended_at = $7,
		overrun_at = $8, note = $9, decided = $10, revision = $11, announced_at = $12, updated_at = now() WHERE id = $1`,
		string(w.ID), string(w.State), string(w.Mode), w.StartsAt, w.EndsAt, orNull(w.StartedAt), orNull(w.EndedAt),
		orNull(w.OverrunAt), w.Note, w.Decided, w.Revision, orNull(w.AnnouncedAt))
	return b
}

// orNull is the opposite of orZero.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func taskRows(w tenant.Window) *pgx.Batch {
	b := &pgx.Batch{}
	for n, t := range w.Tasks {
		b.Queue(`INSERT INTO maintenance_tasks (window_id, position, name, manual, state, started_at, ended_at, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (window_id, name) DO UPDATE SET position = EXCLUDED.position, state = EXCLUDED.state,
				started_at = EXCLUDED.started_at, ended_at = EXCLUDED.ended_at, detail = EXCLUDED.detail`,
			string(w.ID), n, t.Name, t.Manual, string(t.State), orNull(t.StartedAt), orNull(t.EndedAt), t.Detail)
	}
	return b
}

// PlanRegular plans the windows of a rule for this month and the three after it, as far
// as they are to come, each once, and has those that no person has decided about, and
// that nobody was told of, follow the rule; without one they go. Each change stands in
// the audit log.
func (ws *Windows) PlanRegular(ctx context.Context, now time.Time, rule *tenant.WindowRule, title string, items []string) error {
	err := ws.pool.inTx(ctx, func(tx pgx.Tx) error {
		if rule == nil {
			return dropRegular(ctx, tx)
		}
		for ahead := range regularMonths {
			month := tenant.MonthOf(now).AddDate(0, ahead, 0)
			starts, ends := rule.In(month)
			if !starts.After(now) {
				continue
			}
			id, err := tenant.NewWindowID()
			if err != nil {
				return err
			}
			w := tenant.Window{ID: id, StartsAt: starts, EndsAt: ends, Tasks: tenant.Items(items)}
			what := "planned by MAINTENANCE_WINDOW"
			var made bool
			err = tx.QueryRow(ctx, `
				INSERT INTO maintenance_windows AS w (id, month, title, starts_at, ends_at) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (month) DO UPDATE SET starts_at = EXCLUDED.starts_at, ends_at = EXCLUDED.ends_at, updated_at = now()
				WHERE w.state = 'PLANNED' AND NOT w.decided AND w.announced_at IS NULL AND (w.starts_at, w.ends_at) <> (EXCLUDED.starts_at, EXCLUDED.ends_at)
				RETURNING id, xmax = 0`, string(id), month, title, starts, ends).Scan(&w.ID, &made)
			switch {
			case errors.Is(err, pgx.ErrNoRows):
				continue // it is there
			case err != nil:
				return err
			case !made:
				what = "moved by a change of MAINTENANCE_WINDOW"
			default:
				if err := run(ctx, tx, taskRows(w)); err != nil {
					return err
				}
			}
			if err := audit(ctx, tx, scheduledEntry(w, what)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("plan the regular maintenance windows: %w", interpret(err))
	}
	return nil
}

// regularMonths is how many months are planned for, this one among them.
const regularMonths = 4

// dropRegular takes away what no rule plans any more.
func dropRegular(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `DELETE FROM maintenance_windows w WHERE month IS NOT NULL AND state = 'PLANNED' AND NOT decided AND announced_at IS NULL
		RETURNING `+windowColumns)
	if err != nil {
		return err
	}
	gone, err := pgx.CollectRows(rows, scanWindow)
	if err != nil {
		return err
	}
	for _, w := range gone {
		if err := audit(ctx, tx, scheduledEntry(w, "taken away: MAINTENANCE_WINDOW is off")); err != nil {
			return err
		}
	}
	return nil
}

func scheduledEntry(w tenant.Window, what string) tenant.AuditEntry {
	return tenant.AuditEntry{Actor: tenant.ScheduleActor, Action: tenant.ActionPlanWindow.Audited(), Outcome: tenant.OutcomeDone, Detail: w.String() + ": " + what}
}

// Due lists the windows that need a run: those under way, and those that begin before a
// time.
func (ws *Windows) Due(ctx context.Context, before time.Time) ([]tenant.WindowID, error) {
	rows, err := ws.pool.Query(ctx, `SELECT id FROM maintenance_windows WHERE state = 'RUNNING' OR state = 'PLANNED' AND starts_at <= $1 ORDER BY starts_at, id`, before)
	if err != nil {
		return nil, fmt.Errorf("look for maintenance windows: %w", interpret(err))
	}
	due, err := pgx.CollectRows(rows, pgx.RowTo[tenant.WindowID])
	if err != nil {
		return nil, fmt.Errorf("look for maintenance windows: %w", interpret(err))
	}
	return due, nil
}

// readOnly is a window in which nothing new is started.
const readOnly = `maintenance_windows WHERE state = 'RUNNING' AND mode = 'read-only'`

// ReadOnly is the read-only window that is under way, the one that ends last; its id is
// empty when there is none. The answer is at most a second old.
func (ws *Windows) ReadOnly(ctx context.Context) (tenant.Window, error) { return ws.readOnly.Get(ctx) }

func (ws *Windows) readReadOnly(ctx context.Context) (tenant.Window, error) {
	rows, err := ws.pool.Query(ctx, `SELECT `+windowColumns+` FROM (SELECT * FROM `+readOnly+` ORDER BY ends_at DESC LIMIT 1) w`)
	if err != nil {
		return tenant.Window{}, fmt.Errorf("look for a read-only maintenance window: %w", interpret(err))
	}
	w, err := pgx.CollectExactlyOneRow(rows, scanWindow)
	if ifThere(err) != nil {
		return tenant.Window{}, fmt.Errorf("look for a read-only maintenance window: %w", interpret(err))
	}
	return w, nil
}

// UnderWay counts the operations that runs work on now: not those that wait for a person.
func (ws *Windows) UnderWay(ctx context.Context) (n int, err error) {
	if err = ws.pool.QueryRow(ctx, `SELECT count(*) FROM operations WHERE state IN ('RUNNING', 'ROLLING_BACK')`).Scan(&n); err != nil {
		return 0, fmt.Errorf("count what is under way: %w", interpret(err))
	}
	return n, nil
}

// Standing counts how maintenance stands.
func (ws *Windows) Standing(ctx context.Context) (tenant.Maintenance, error) {
	m := tenant.Maintenance{Running: map[tenant.WindowMode]int{}}
	var normal, readOnly int
	var overrun float64
	err := ws.pool.QueryRow(ctx, `
		SELECT count(*) FILTER (WHERE mode = 'normal'), count(*) FILTER (WHERE mode = 'read-only'),
			coalesce(extract(epoch FROM now() - min(overrun_at)), 0)::float8,
			(SELECT count(*) FROM maintenance_tasks WHERE state = 'FAILED' AND window_id = (
				SELECT id FROM maintenance_windows WHERE state = 'COMPLETED' ORDER BY ended_at DESC LIMIT 1)),
			(SELECT count(*) FROM maintenance_notices WHERE state IN ('PENDING', 'SENDING'))
		FROM maintenance_windows WHERE state = 'RUNNING'`).Scan(&normal, &readOnly, &overrun, &m.Failed, &m.Unsent)
	if err != nil {
		return tenant.Maintenance{}, fmt.Errorf("count maintenance windows: %w", interpret(err))
	}
	m.Running[tenant.WindowNormal], m.Running[tenant.WindowReadOnly], m.Overrun = normal, readOnly, seconds(overrun)
	return m, nil
}
