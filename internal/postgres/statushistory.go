package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/statuspage"
)

const (
	// statusKept is for how long the history of the status page is kept.
	statusKept = 91 * 24 * time.Hour
	// maxPublicIncidents bounds what the page lists.
	maxPublicIncidents = 50
)

// StatusHistory is the history of the status page.
type StatusHistory struct{ pool database }

var _ statuspage.History = (*StatusHistory)(nil)

// NewStatusHistory keeps the history on a pool.
func NewStatusHistory(pool *pgxpool.Pool) *StatusHistory { return &StatusHistory{pool: database{pool}} }

// Changes lists the changes since then, in their order, and the last of each component
// before.
func (h *StatusHistory) Changes(ctx context.Context, since time.Time) ([]statuspage.Change, error) {
	rows, err := h.pool.Query(ctx, `
		SELECT c.component, c.state, c.since FROM status_changes c
		WHERE c.since >= coalesce((SELECT max(b.since) FROM status_changes b WHERE b.component = c.component AND b.since < $1), $1)
		ORDER BY c.since, c.component`, since)
	if err != nil {
		return nil, fmt.Errorf("read the changes of the status: %w", interpret(err))
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[statuspage.Change])
	if err != nil {
		return nil, fmt.Errorf("read the changes of the status: %w", interpret(err))
	}
	return found, nil
}

// Record keeps changes. One that is none by what is kept of that time, since another api
// has seen it too, does nothing.
func (h *StatusHistory) Record(ctx context.Context, changes []statuspage.Change) error {
	if len(changes) == 0 {
		return nil
	}
	var b pgx.Batch
	for _, c := range changes {
		b.Queue(`
			INSERT INTO status_changes (component, state, since)
			SELECT $1, $2, $3 WHERE $2 IS DISTINCT FROM
				(SELECT state FROM status_changes WHERE component = $1 AND since <= $3 ORDER BY since DESC LIMIT 1)
			ON CONFLICT DO NOTHING`, string(c.Component), string(c.State), c.Since)
		// Another api has seen the same later, and written it down before.
		b.Queue(`
			DELETE FROM status_changes WHERE component = $1 AND state = $2
				AND since = (SELECT min(since) FROM status_changes WHERE component = $1 AND since > $3)`, string(c.Component), string(c.State), c.Since)
	}
	b.Queue(`
		DELETE FROM status_changes c WHERE c.since < now() - $1::interval
			AND EXISTS (SELECT FROM status_changes n WHERE n.component = c.component AND n.since > c.since AND n.since < now() - $1::interval)`, statusKept)
	if err := h.pool.run(ctx, &b); err != nil {
		return fmt.Errorf("write the changes of the status: %w", interpret(err))
	}
	return nil
}

// Incidents lists those that began since then or have not ended, of the breaker and of
// people, at most 50 of each: what lasts first, then the newest.
func (h *StatusHistory) Incidents(ctx context.Context, since time.Time) ([]statuspage.Incident, error) {
	rows, err := h.pool.Query(ctx, fmt.Sprintf(`SELECT %s FROM incidents i WHERE i.opened_at >= $1 OR i.closed_at IS NULL
		ORDER BY i.closed_at IS NULL DESC, i.id DESC LIMIT %d`, incidentColumns, maxPublicIncidents), since)
	if err != nil {
		return nil, fmt.Errorf("read the incidents of the status: %w", interpret(err))
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (statuspage.Incident, error) {
		i, err := scanIncident(row)
		return statuspage.Public(i), err
	})
	if err != nil {
		return nil, fmt.Errorf("read the incidents of the status: %w", interpret(err))
	}
	declared, err := (&Declared{h.pool}).Told(ctx, since)
	if err != nil {
		return nil, err
	}
	for _, i := range declared {
		found = append(found, statuspage.PublicDeclared(i))
	}
	slices.SortStableFunc(found, func(a, b statuspage.Incident) int {
		if a.EndedAt.IsZero() != b.EndedAt.IsZero() {
			return a.EndedAt.Compare(b.EndedAt)
		}
		return b.StartedAt.Compare(a.StartedAt)
	})
	return found, nil
}
