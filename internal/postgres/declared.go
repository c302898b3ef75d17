package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/tenant"
)

// maxDeclared bounds a listing.
const maxDeclared = 100

// Declared are the incidents that people and Alertmanager have declared, with their
// updates and alerts.
type Declared struct{ pool database }

// NewDeclared keeps declared incidents on a pool.
func NewDeclared(pool *pgxpool.Pool) *Declared { return &Declared{pool: database{pool}} }

const declaredColumns = `i.id, i.title, i.severity, i.components, i.opened_by, i.opened_at, i.detected_at,
	i.assessed_at, i.mitigated_at, i.resolved_at, i.verified_at, i.reviewed_at`

func scanDeclared(row pgx.CollectableRow) (tenant.DeclaredIncident, error) {
	var i tenant.DeclaredIncident
	var assessed, mitigated, resolved, verified, reviewed *time.Time
	err := row.Scan(&i.ID, &i.Title, &i.Severity, &i.Components, &i.OpenedBy, &i.OpenedAt, &i.DetectedAt,
		&assessed, &mitigated, &resolved, &verified, &reviewed)
	i.AssessedAt, i.MitigatedAt, i.ResolvedAt, i.VerifiedAt, i.ReviewedAt =
		orZero(assessed), orZero(mitigated), orZero(resolved), orZero(verified), orZero(reviewed)
	return i, err
}

// Now is the clock by which the response is timed.
func (d *Declared) Now(ctx context.Context) (now time.Time, err error) {
	if err = d.pool.QueryRow(ctx, `SELECT now()`).Scan(&now); err != nil {
		return now, fmt.Errorf("read the clock: %w", interpret(err))
	}
	return now, nil
}

// List lists the newest 100 without their updates and alerts, those that are not closed
// first.
func (d *Declared) List(ctx context.Context) ([]tenant.DeclaredIncident, error) {
	rows, err := d.pool.Query(ctx, fmt.Sprintf(`SELECT %s FROM declared_incidents i ORDER BY i.reviewed_at IS NULL DESC, i.id DESC LIMIT %d`, declaredColumns, maxDeclared))
	if err != nil {
		return nil, fmt.Errorf("read the declared incidents: %w", interpret(err))
	}
	found, err := pgx.CollectRows(rows, scanDeclared)
	if err != nil {
		return nil, fmt.Errorf("read the declared incidents: %w", interpret(err))
	}
	return found, nil
}

// Find reads one with its updates and alerts.
func (d *Declared) Find(ctx context.Context, id tenant.DeclaredID) (tenant.DeclaredIncident, error) {
	i, err := findDeclared(ctx, d.pool, id, "")
	if err != nil {
		return tenant.DeclaredIncident{}, fmt.Errorf("read incident %s: %w", id, interpret(err))
	}
	return i, nil
}

func findDeclared(ctx context.Context, db querier, id tenant.DeclaredID, lock string) (i tenant.DeclaredIncident, err error) {
	rows, err := db.Query(ctx, `SELECT `+declaredColumns+` FROM declared_incidents i WHERE i.id = $1 `+lock, int64(id))
	if err != nil {
		return i, err
	}
	if i, err = pgx.CollectExactlyOneRow(rows, scanDeclared); err != nil {
		return i, err
	}
	rows, err = db.Query(ctx, `SELECT kind, at, actor, message, public, done FROM declared_incident_updates WHERE incident_id = $1 ORDER BY id`, int64(id))
	if err != nil {
		return i, err
	}
	if i.Updates, err = pgx.CollectRows(rows, pgx.RowToStructByPos[tenant.IncidentUpdate]); err != nil {
		return i, err
	}
	rows, err = db.Query(ctx, `SELECT fingerprint, name, summary, starts_at, ends_at FROM declared_incident_alerts WHERE incident_id = $1 ORDER BY id`, int64(id))
	if err != nil {
		return i, err
	}
	i.Alerts, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (a tenant.IncidentAlert, err error) {
		var ended *time.Time
		err = row.Scan(&a.Fingerprint, &a.Name, &a.Summary, &a.StartsAt, &ended)
		a.EndsAt = orZero(ended)
		return a, err
	})
	return i, err
}

// Told lists those that the public was told of and that were detected since then or are
// not resolved, at most 50, the newest first, with what it was told and nothing else of
// what was said.
func (d *Declared) Told(ctx context.Context, since time.Time) ([]tenant.DeclaredIncident, error) {
	rows, err := d.pool.Query(ctx, fmt.Sprintf(`SELECT %s FROM declared_incidents i WHERE (i.detected_at >= $1 OR i.resolved_at IS NULL)
		AND EXISTS (SELECT FROM declared_incident_updates u WHERE u.incident_id = i.id AND u.public <> '')
		ORDER BY i.resolved_at IS NULL DESC, i.id DESC LIMIT %d`, declaredColumns, maxPublicIncidents), since)
	if err != nil {
		return nil, fmt.Errorf("read what the public was told: %w", interpret(err))
	}
	found, err := pgx.CollectRows(rows, scanDeclared)
	if err != nil {
		return nil, fmt.Errorf("read what the public was told: %w", interpret(err))
	}
	at := map[tenant.DeclaredID]*tenant.DeclaredIncident{}
	ids := make([]int64, len(found))
	for n := range found {
		at[found[n].ID], ids[n] = &found[n], int64(found[n].ID)
	}
	rows, err = d.pool.Query(ctx, `SELECT incident_id, at, public FROM declared_incident_updates WHERE incident_id = ANY($1) AND public <> '' ORDER BY id`, ids)
	if err != nil {
		return nil, fmt.Errorf("read what the public was told: %w", interpret(err))
	}
	var id tenant.DeclaredID
	var u tenant.IncidentUpdate
	if _, err = pgx.ForEachRow(rows, []any{&id, &u.At, &u.Public}, func() error {
		at[id].Updates = append(at[id].Updates, u)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read what the public was told: %w", interpret(err))
	}
	return found, nil
}

// Open keeps an incident that was declared, with its updates and its entry in the audit
// log.
func (d *Declared) Open(ctx context.Context, i tenant.DeclaredIncident, entry func(tenant.DeclaredIncident) tenant.AuditEntry) (tenant.DeclaredIncident, error) {
	err := d.pool.inTx(ctx, func(tx pgx.Tx) (err error) {
		i, err = openDeclared(ctx, tx, i, entry)
		return err
	})
	if err != nil {
		return tenant.DeclaredIncident{}, fmt.Errorf("open an incident: %w", interpret(err))
	}
	return i, nil
}

func openDeclared(ctx context.Context, tx pgx.Tx, i tenant.DeclaredIncident, entry func(tenant.DeclaredIncident) tenant.AuditEntry) (tenant.DeclaredIncident, error) {
	err := tx.QueryRow(ctx, `INSERT INTO declared_incidents (title, severity, components, opened_by, opened_at, detected_at) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id`,
		i.Title, string(i.Severity), i.Components, i.OpenedBy, i.OpenedAt, i.DetectedAt).Scan(&i.ID)
	if err != nil {
		return i, err
	}
	if err := addUpdates(ctx, tx, i.ID, i.Updates); err != nil {
		return i, err
	}
	return i, audit(ctx, tx, entry(i))
}

// Change makes of an incident what change says, in one transaction with its new updates
// and its entry in the audit log, and returns what it is then. The row's lock keeps two
// from changing it at once.
func (d *Declared) Change(ctx context.Context, id tenant.DeclaredID, change func(tenant.DeclaredIncident) (tenant.DeclaredIncident, error), entry func(tenant.DeclaredIncident) tenant.AuditEntry) (tenant.DeclaredIncident, error) {
	var i tenant.DeclaredIncident
	err := d.pool.inTx(ctx, func(tx pgx.Tx) (err error) {
		if i, err = findDeclared(ctx, tx, id, "FOR UPDATE"); err != nil {
			return err
		}
		known := len(i.Updates)
		if i, err = change(i); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE declared_incidents SET severity = $2, components = $3, assessed_at = $4, mitigated_at = $5, resolved_at = $6,
			verified_at = $7, reviewed_at = $8 WHERE id = $1`, int64(id), string(i.Severity), i.Components,
			orNull(i.AssessedAt), orNull(i.MitigatedAt), orNull(i.ResolvedAt), orNull(i.VerifiedAt), orNull(i.ReviewedAt))
		if err != nil {
			return err
		}
		if err := addUpdates(ctx, tx, id, i.Updates[known:]); err != nil {
			return err
		}
		return audit(ctx, tx, entry(i))
	})
	if err != nil {
		return tenant.DeclaredIncident{}, fmt.Errorf("change incident %s: %w", id, interpret(err))
	}
	return i, nil
}

// addUpdates adds to what was said of an incident. What everybody may read names no
// tenant: whoever writes it is told which one it names.
func addUpdates(ctx context.Context, tx pgx.Tx, id tenant.DeclaredID, updates []tenant.IncidentUpdate) error {
	for _, u := range updates {
		if err := namesNoTenant(ctx, tx, u.Public); err != nil {
			return err
		}
		done := u.Done
		if done == nil {
			done = []tenant.ResponseStep{}
		}
		_, err := tx.Exec(ctx, `INSERT INTO declared_incident_updates (incident_id, kind, at, actor, message, public, done) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			int64(id), string(u.Kind), u.At, u.Actor, u.Message, u.Public, done)
		if err != nil {
			return err
		}
	}
	return nil
}

// namesNoTenant looks for the names of tenants, as words of their own.
func namesNoTenant(ctx context.Context, tx pgx.Tx, public string) error {
	if public == "" {
		return nil
	}
	var name string
	err := tx.QueryRow(ctx, `SELECT name FROM tenants WHERE position(name in $1) > 0
		AND $1 ~ ('(^|\W)' || regexp_replace(name, '(\W)', '\\\1', 'g') || '($|\W)') ORDER BY length(name) DESC LIMIT 1`, public).Scan(&name)
	if err != nil {
		return ifThere(err)
	}
	return &tenant.InvalidError{Fields: []tenant.FieldError{{Field: "public", Message: fmt.Sprintf("is for everybody: it must name no tenant, and has %q", name)}}}
}
