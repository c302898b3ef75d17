package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tenant-provisioning/internal/tenant"
)

// Alerted notes which alerts of a group have begun or ended, each once however often it
// is sent: by its fingerprint, as long as it fires. One that begins belongs to the
// group's incident that is not resolved, or opens one. When the last has ended that is
// noted, and people decide whether the incident is over.
func (d *Declared) Alerted(ctx context.Context, g tenant.AlertGroup, actor string, now time.Time, entry func(tenant.DeclaredIncident) tenant.AuditEntry) (tenant.AlertReceipt, error) {
	var r tenant.AlertReceipt
	err := d.pool.inTx(ctx, func(tx pgx.Tx) (err error) {
		r = tenant.AlertReceipt{}
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('declared_incident_alerts'))`); err != nil {
			return err
		}
		for _, a := range g.Alerts {
			if a = a.Clean(now); a.Firing {
				err = d.begin(ctx, tx, &r, g.Key, a, actor, now, entry)
			} else {
				err = d.end(ctx, tx, &r, a, actor, now)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return tenant.AlertReceipt{}, fmt.Errorf("note what fires: %w", interpret(err))
	}
	return r, nil
}

func (d *Declared) begin(ctx context.Context, tx pgx.Tx, r *tenant.AlertReceipt, group string, a tenant.GroupAlert, actor string, now time.Time, entry func(tenant.DeclaredIncident) tenant.AuditEntry) error {
	err := tx.QueryRow(ctx, `SELECT incident_id FROM declared_incident_alerts WHERE fingerprint = $1 AND (ends_at IS NULL OR starts_at = $2) ORDER BY id DESC LIMIT 1`,
		a.Fingerprint, a.StartsAt).Scan(&r.Incident)
	if !errors.Is(err, pgx.ErrNoRows) {
		return err // it is known
	}
	err = tx.QueryRow(ctx, `SELECT i.id FROM declared_incidents i WHERE i.resolved_at IS NULL
		AND EXISTS (SELECT FROM declared_incident_alerts a WHERE a.incident_id = i.id AND a.group_key = $1) ORDER BY i.id DESC LIMIT 1 FOR UPDATE`, group).Scan(&r.Incident)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		i, err := openDeclared(ctx, tx, a.Incident(actor, now), entry)
		if err != nil {
			return err
		}
		r.Incident, r.Opened = i.ID, true
	case err != nil:
		return err
	default:
		u := tenant.IncidentUpdate{Kind: tenant.UpdateAlerted, At: now, Actor: actor, Message: a.Name + " fires: " + a.Summary}
		if err := addUpdates(ctx, tx, r.Incident, []tenant.IncidentUpdate{u}); err != nil {
			return err
		}
	}
	r.Began++
	_, err = tx.Exec(ctx, `INSERT INTO declared_incident_alerts (incident_id, group_key, fingerprint, name, summary, starts_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		int64(r.Incident), group, a.Fingerprint, a.Name, a.Summary, a.StartsAt)
	return err
}

func (d *Declared) end(ctx context.Context, tx pgx.Tx, r *tenant.AlertReceipt, a tenant.GroupAlert, actor string, now time.Time) error {
	var id tenant.DeclaredID
	err := tx.QueryRow(ctx, `UPDATE declared_incident_alerts SET ends_at = greatest($2, starts_at) WHERE fingerprint = $1 AND ends_at IS NULL RETURNING incident_id`,
		a.Fingerprint, a.EndsAt).Scan(&id)
	if err != nil {
		return ifThere(err) // it has ended, or nobody knew of it
	}
	r.Incident = id
	r.Ended++
	var left int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM declared_incident_alerts WHERE incident_id = $1 AND ends_at IS NULL`, int64(id)).Scan(&left); err != nil {
		return err
	}
	message := a.Name + " has ended"
	if left == 0 {
		message += ", and with it the last alert of this incident"
	}
	return addUpdates(ctx, tx, id, []tenant.IncidentUpdate{{Kind: tenant.UpdateAlerted, At: now, Actor: actor, Message: message}})
}
