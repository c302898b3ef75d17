package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/tenant"
)

// maxWindows bounds a listing: some years of windows.
const maxWindows = 100

// Windows are the maintenance windows, with their tasks and notices.
type Windows struct{ pool database }

// NewWindows keeps maintenance windows on a pool.
func NewWindows(pool *pgxpool.Pool) *Windows { return &Windows{pool: database{pool}} }

const windowColumns = `w.id, w.state, w.month IS NOT NULL, w.title, w.message, coalesce(w.mode, ''), w.starts_at, w.ends_at,
	w.started_at, w.ended_at, w.overrun_at, w.note, w.revision, w.announced_at`

func scanWindow(row pgx.CollectableRow) (tenant.Window, error) {
	var w tenant.Window
	var started, ended, overrun, announced *time.Time
	err := row.Scan(&w.ID, &w.State, &w.Regular, &w.Title, &w.Message, &w.Mode, &w.StartsAt, &w.EndsAt,
		&started, &ended, &overrun, &w.Note, &w.Revision, &announced)
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
