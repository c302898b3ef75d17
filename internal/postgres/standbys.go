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

// Standbys are the stock of tenants that are made ahead.
type Standbys struct{ pool database }

// NewStandbys reads and fills the stock on a pool.
func NewStandbys(pool *pgxpool.Pool) *Standbys { return &Standbys{pool: database{pool}} }

// takeStandby has a new tenant be the oldest standby that is fit for it, and reports
// whether there was one. Requests at the same time each pass over what another is about
// to take. Schema and role keep their names; all else of the row is the request's.
func takeStandby(ctx context.Context, tx pgx.Tx, sub *tenant.Submission) (taken bool, err error) {
	o := &sub.Operation
	if sub.New == nil || sub.Import != nil || o.Kind != tenant.KindProvision {
		return false, nil
	}
	t := *sub.New
	err = tx.QueryRow(ctx, `
		WITH taken AS (
			SELECT s.tenant_id FROM standbys s JOIN tenants t ON t.id = s.tenant_id
			WHERE t.status = 'STANDBY' AND EXISTS (SELECT FROM standby_policy WHERE wanted > 0)
			  AND EXISTS (SELECT FROM standby_stock k WHERE k.tenant_id = s.tenant_id AND k.unfit IS NULL)
			ORDER BY s.made_at, s.tenant_id LIMIT 1 FOR UPDATE SKIP LOCKED
		), gone AS (
			DELETE FROM standbys s USING taken k WHERE s.tenant_id = k.tenant_id
		)
		UPDATE tenants t SET name = $1, name_key = $2, name_held = true, slug = $3, status = $4,
			admin_email = $5, admin_first_name = $6, admin_last_name = $7, tier = $8, region = $9,
			version = version + 1, created_at = now(), updated_at = now()
		FROM taken k WHERE t.id = k.tenant_id RETURNING t.id, t.generation, t.schema_name, t.role_name`,
		t.Name, tenant.NameKey(t.Name), t.Slug, string(t.Status), t.Administrator.Email, t.Administrator.FirstName, t.Administrator.LastName, t.Tier, t.Region).
		Scan(&t.ID, &t.Generation, &t.Schema, &t.Role)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	lifecycle, _ := o.Kind.Lifecycle()
	sub.New = &t
	o.TenantID, o.Generation, o.ToStatus = t.ID, t.Generation, lifecycle.Reaches
	return true, nil
}

// logTaken logs of the operation that has taken a standby that its contract is there: from
// the request on a rollback ends it, whatever the operation has done by then.
func logTaken(b *pgx.Batch, o tenant.Operation) {
	f := tenant.Fence{Tenant: o.TenantID, Operation: o.ID}
	logDone(b, f, tenant.StepDeployContract)
	logDone(b, f, tenant.StepStoreContract)
}

// MarkStandby puts a tenant into the stock, with what its contract was made with, and
// passes the pivot of its operation, which ends with that. As MarkActive does, it looks
// whether the rows tell of everything that a standby has.
func (s *Standbys) MarkStandby(ctx context.Context, f tenant.Fence, made tenant.StandbyOrigin) error {
	b := &pgx.Batch{}
	b.Queue(passFence, fenceArgs(f)...)
	completeStage(b, f, tenant.StepMarkStandby, `NOT pivot_passed AND EXISTS (SELECT FROM tenants t
		JOIN tenant_schema_versions v ON v.tenant_id = t.id AND v.generation = t.generation
		WHERE t.id = o.tenant_id AND t.status = 'STANDBY' AND t.contract_id IS NOT NULL)`)
	b.Queue(`
		INSERT INTO standbys (tenant_id, network, admin, code)
		SELECT tenant_id, $2, $3, $4 FROM operations WHERE id = $1 AND pivot_passed ON CONFLICT DO NOTHING`, string(f.Operation), made.Network, made.Admin, made.Code)
	b.Queue(`
		INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt, started_at, duration_ms)
		SELECT tenant_id, id, $2, 'COMPLETED', next_attempt(id, $2), now(), extract(epoch FROM clock_timestamp() - now()) * 1000
		FROM operations WHERE id = $1 AND pivot_passed`, string(f.Operation), string(tenant.StepMarkStandby))
	var passed bool
	b.Queue(`SELECT pivot_passed FROM operations WHERE id = $1`, string(f.Operation)).QueryRow(func(row pgx.Row) error { return row.Scan(&passed) })
	if err := s.pool.run(ctx, b); err != nil {
		return stepError(tenant.StepMarkStandby, err)
	}
	if !passed {
		return &tenant.StepError{
			Step: tenant.StepMarkStandby, Class: tenant.ClassConflict, Permanent: true,
			Reason: "the tenant's row has no contract, no schema or another status than STANDBY: the database has lost what earlier steps wrote, or somebody changed it",
		}
	}
	return nil
}

// TakeTurn writes down what the workers want of the stock, and gives the filling to one
// of them for so long at most: the turn of one that was killed ends by itself. It is false
// while another one has it, or the pace forbids it.
func (s *Standbys) TakeTurn(ctx context.Context, p tenant.StandbyPolicy, turn time.Duration) (bool, error) {
	tag, err := s.pool.Exec(ctx, `
		UPDATE standby_policy SET wanted = $1, template = $2, network = $3, admin = $4, code = $5, fill_after = now() + $6::interval
		WHERE fill_after <= now()`, p.Wanted, p.Template, p.Made.Network, p.Made.Admin, p.Made.Code, turn)
	if err != nil {
		return false, fmt.Errorf("take a turn at filling the stock of standbys: %w", interpret(err))
	}
	return tag.RowsAffected() > 0, nil
}

// EndTurn lets any worker fill the stock again after a pause.
func (s *Standbys) EndTurn(ctx context.Context, pause time.Duration) error {
	if _, err := s.pool.Exec(ctx, `UPDATE standby_policy SET fill_after = now() + $1::interval`, pause); err != nil {
		return fmt.Errorf("end the turn at filling the stock of standbys: %w", interpret(err))
	}
	return nil
}

// Standing is how the stock stands.
func (s *Standbys) Standing(ctx context.Context) (tenant.StandbyStock, error) {
	st := tenant.StandbyStock{Unfit: map[tenant.StandbyFault][]tenant.ID{}}
	b := &pgx.Batch{}
	b.Queue(`
		SELECT p.wanted, p.template,
			EXISTS (SELECT FROM operations WHERE state = 'PENDING' AND kind <> ALL ($1)),
			EXISTS (SELECT FROM incidents WHERE closed_at IS NULL) OR EXISTS (SELECT FROM `+readOnly+`)
				OR EXISTS (SELECT FROM capacity WHERE short_since IS NOT NULL) OR EXISTS (SELECT FROM installation WHERE not_live IS NOT NULL),
			EXISTS (SELECT FROM fleet_runs WHERE kind = 'migrate' AND state NOT IN ('COMPLETED', 'FAILED', 'ABORTED')),
			(SELECT count(*) FROM operations WHERE kind = ANY ($1) AND state NOT IN ('SUCCEEDED', 'ROLLED_BACK')),
			(SELECT count(*) FROM operations WHERE kind = ANY ($1) AND state IN ('NEEDS_ATTENTION', 'ROLLBACK_BLOCKED'))
		FROM standby_policy p`, tenant.AheadKinds()).QueryRow(func(row pgx.Row) error {
		return row.Scan(&st.Wanted, &st.Template, &st.Requests, &st.Held, &st.Migrating, &st.Preparing, &st.Parked)
	})
	b.Queue(`SELECT tenant_id, coalesce(unfit, '') FROM standby_stock ORDER BY created_at, tenant_id`).Query(func(rows pgx.Rows) error {
		var id tenant.ID
		var unfit tenant.StandbyFault
		_, err := pgx.ForEachRow(rows, []any{&id, &unfit}, func() error {
			if unfit == "" {
				st.Ready = append(st.Ready, id)
			} else {
				st.Unfit[unfit] = append(st.Unfit[unfit], id)
			}
			return nil
		})
		return err
	})
	if err := s.pool.run(ctx, b); err != nil {
		return tenant.StandbyStock{}, fmt.Errorf("look at the stock of standbys: %w", interpret(err))
	}
	return st, nil
}
