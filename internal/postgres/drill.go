package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/tenant"
)

// errPractised undoes what a drill has filled.
var errPractised = errors.New("it was for practice")

// Drill fills a schema from a backup as a restore does, and undoes it: nobody ever sees
// the schema, also when the worker is killed.
func (r *Restorer) Drill(ctx context.Context, m backup.Manifest, archive *backup.Reader) error {
	target := Target{Schema: "tp_drill_" + digits(string(m.ID))}
	_, err := r.Fill(ctx, target, m, archive, func(pgx.Tx, Filled) error { return errPractised })
	if errors.Is(err, errPractised) {
		return nil
	}
	return err
}

// Newest is a tenant's newest good backup. The error is tenant.ErrNotFound when there is
// none.
func (b *Backups) Newest(ctx context.Context, id tenant.ID) (ref backup.Ref, err error) {
	err = b.pool.QueryRow(ctx, `SELECT b.id::text, i.id::text, b.tenant_id::text FROM backups b, installation i
		WHERE b.tenant_id = $1 AND b.state = 'GOOD' ORDER BY b.taken_at DESC LIMIT 1`, string(id)).Scan(&ref.ID, &ref.Installation, &ref.Tenant)
	if err != nil {
		return backup.Ref{}, fmt.Errorf("find the newest backup of tenant %s: %w", id, interpret(err))
	}
	return ref, nil
}

// Drilled writes down what a drill of a run has found, and that the tenant is done in the
// run if it held: failure is nil then.
func (b *Backups) Drilled(ctx context.Context, f tenant.FleetFence, of backup.Ref, m backup.Manifest, took time.Duration, failure error) error {
	var why *string
	if failure != nil {
		text := failure.Error()
		if step, ok := errors.AsType[*tenant.StepError](failure); ok {
			text = step.Reason
		}
		why = &text
	}
	batch := &pgx.Batch{}
	queueFleetFence(batch, f)
	batch.Queue(`INSERT INTO restore_drills (fleet_id, tenant_id, backup_id, held, error, rows, bytes, duration_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		string(f.Fleet), string(f.Tenant), string(of.ID), failure == nil, why, m.Rows(), m.Archive.Bytes, milliseconds(took))
	if failure == nil {
		batch.Queue(`UPDATE backups SET verified_at = now() WHERE id = $1`, string(of.ID))
		queueFleetDone(batch, f, tenant.FleetItemDone)
	}
	err := pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error { return run(ctx, tx, batch) })
	if sqlState(err) == stateAlreadyDone {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write down what a drill has found: %w", interpret(err))
	}
	return nil
}
