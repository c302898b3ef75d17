package operations_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/operations"
	"tenant-provisioning/internal/tenant"
)

func TestATenantIsAcceptedWithoutTemporal(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.config.Temporal = clientOf(t, away, "none")
	b.config.RetryBudget, b.config.AttentionPeriod = 7*time.Minute, 3*time.Hour
	o, err := operations.New(b.config).Create(b.ctx, order(), operator, "")
	require.NoError(t, err)
	require.Equal(t, tenant.StatePending, o.State)
	require.Equal(t, tenant.KindProvision, o.Kind)
	require.Equal(t, "console", o.Client)
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM audit_log WHERE action = 'create' AND actor = 'ada' AND NOT actor_claimed`))
	require.Equal(t, 7*time.Minute, o.RetryBudget, "it travels with the operation")
	require.Equal(t, 3*time.Hour, o.AttentionPeriod)

	p, err := b.service.Progress(b.ctx, o.TenantID)
	require.NoError(t, err)
	require.Equal(t, tenant.StatusPending, p.Tenant.Status)
	require.Equal(t, o.ID, p.Operation.ID)
	require.Equal(t, tenant.StepCompleted, p.Steps[0].Status)
	require.Empty(t, p.Steps[1].Status)
}

func TestZeroDurationsAreTheDefaults(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.config.RetryBudget, b.config.AttentionPeriod = 0, 0
	o, err := operations.New(b.config).Create(b.ctx, order(), operator, "")
	require.NoError(t, err)
	require.Equal(t, operations.DefaultRetryBudget, o.RetryBudget)
	require.Equal(t, operations.DefaultAttentionPeriod, o.AttentionPeriod)
}

func TestARepeatedRequestHasTheSameOperation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	n := order()
	first, err := b.service.Create(b.ctx, n, operator, "key-1")
	require.NoError(t, err)
	again := n
	again.Name = "  " + n.Name + " " // the same once it is trimmed
	second, err := b.service.Create(b.ctx, again, operator, "key-1")
	require.NoError(t, err)
	require.Equal(t, first.ID, second.ID)

	other := n
	other.Tier = "gold"
	_, err = b.service.Create(b.ctx, other, operator, "key-1")
	require.ErrorIs(t, err, tenant.ErrIdempotencyMismatch)
	_, err = b.service.Create(b.ctx, n, operator, "key-2")
	require.ErrorIs(t, err, tenant.ErrNameTaken)
	_, err = b.service.Create(b.ctx, n, operator, "")
	require.ErrorIs(t, err, tenant.ErrNameTaken)
	third, err := b.service.Create(b.ctx, order(), tenant.Caller{Client: "another", Actor: "bob"}, "key-1")
	require.NoError(t, err, "a key is its client's")
	require.NotEqual(t, first.ID, third.ID)
	require.Equal(t, 2, b.count(t, `SELECT count(*) FROM tenants`))
}

// TestWhatARepetitionMustSayAgain: all that was asked for, the reason too.
func TestWhatARepetitionMustSayAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, other := b.create(t).TenantID, b.create(t).TenantID
	b.exec(t, `UPDATE operations SET state = 'SUCCEEDED', pivot_passed = true`)
	b.exec(t, `UPDATE tenants SET status = 'ACTIVE', activated_at = now()`)
	r := tenant.Request{Kind: tenant.KindSuspend, Tenant: id, Reason: "ticket 4711", IdempotencyKey: "key"}
	first, err := b.service.Submit(b.ctx, r, operator)
	require.NoError(t, err)
	same := r
	same.Reason = " ticket 4711 "
	again, err := b.service.Submit(b.ctx, same, operator)
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID)
	for _, changed := range []func(*tenant.Request){
		func(r *tenant.Request) { r.Reason = "ticket 4712" },
		func(r *tenant.Request) { r.Kind = tenant.KindArchive },
		func(r *tenant.Request) { r.Tenant = other },
		func(r *tenant.Request) { r.Kind, r.NewName = tenant.KindUndelete, "Charité am See" },
	} {
		another := r
		changed(&another)
		_, err := b.service.Submit(b.ctx, another, operator)
		require.ErrorIs(t, err, tenant.ErrIdempotencyMismatch, "%+v", another)
	}
	require.Equal(t, 4, b.count(t, `SELECT count(*) FROM audit_log WHERE outcome = 'refused'`))
}

func TestWrongRequestsCreateNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for what, key := range map[string]string{
		"too long": strings.Repeat("k", 256), "not ASCII": "schlüssel", "a line break": "a\nb", "NUL": "\x00", "delete": "a\x7f",
	} {
		_, err := b.service.Create(b.ctx, order(), operator, key)
		var invalid *tenant.InvalidError
		require.ErrorAs(t, err, &invalid, what)
		require.Equal(t, "Idempotency-Key", invalid.Fields[0].Field)
	}
	_, err := b.service.Create(b.ctx, tenant.Spec{Name: "x"}, operator, "")
	var invalid *tenant.InvalidError
	require.ErrorAs(t, err, &invalid)
	require.Len(t, invalid.Fields, 4)
	require.Zero(t, b.count(t, `SELECT count(*) FROM tenants`))
	require.Zero(t, b.count(t, `SELECT count(*) FROM idempotency_keys`))

	_, err = b.service.Create(b.ctx, order(), operator, strings.Repeat("k", 255))
	require.NoError(t, err)
}

// TestManyAtOnce: of the same name one is accepted; of the same request all
// are, as one.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	n := order()
	var mu sync.Mutex
	accepted, taken := 0, 0
	var group errgroup.Group
	for range 20 {
		group.Go(func() error {
			_, err := b.service.Create(b.ctx, n, operator, "")
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				accepted++
			case errors.Is(err, tenant.ErrNameTaken):
				taken++
			default:
				return err
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	require.Equal(t, 1, accepted)
	require.Equal(t, 19, taken)

	n = order()
	ids := map[tenant.OperationID]bool{}
	for range 50 {
		group.Go(func() error {
			o, err := b.service.Create(b.ctx, n, operator, "key-1")
			mu.Lock()
			defer mu.Unlock()
			ids[o.ID] = true
			return err
		})
	}
	require.NoError(t, group.Wait())
	require.Len(t, ids, 1)
	require.Equal(t, 2, b.count(t, `SELECT count(*) FROM tenants`))
}

// colliding finds that the last digits of the first ids are taken.
type colliding struct {
	operations.OperationStore
	times int
	ids   map[tenant.ID]bool
}

func (s *colliding) Submit(ctx context.Context, a tenant.Submission) (tenant.Operation, error) {
	s.ids[a.New.ID] = true
	if s.times--; s.times >= 0 {
		return tenant.Operation{}, tenant.ErrIDCollision
	}
	return s.OperationStore.Submit(ctx, a)
}

func TestAnIDThatIsTakenIsReplaced(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := &colliding{OperationStore: b.config.Operations, times: 4, ids: map[tenant.ID]bool{}}
	b.config.Operations = s
	o, err := operations.New(b.config).Create(b.ctx, order(), operator, "key-1")
	require.NoError(t, err)
	require.Len(t, s.ids, 5)
	require.True(t, s.ids[o.TenantID])

	s.times = 1000
	_, err = operations.New(b.config).Create(b.ctx, order(), operator, "key-2")
	require.ErrorIs(t, err, tenant.ErrUnavailable)
}

func TestAChangeOfTheAdministratorIsAudited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o := b.create(t)
	address := "grace@hospital.example"
	changed, err := b.service.ChangeAdministrator(b.ctx, o.TenantID, tenant.AdministratorChange{Email: &address}, 0, operator)
	require.NoError(t, err)
	require.Equal(t, address, changed.Administrator.Email)
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM audit_log WHERE action = 'change-administrator' AND actor = 'ada' AND tenant_id = $1`, string(o.TenantID)))
	_, err = b.service.ChangeAdministrator(b.ctx, o.TenantID, tenant.AdministratorChange{Email: &address}, changed.Version-1, operator)
	require.ErrorIs(t, err, tenant.ErrVersionMismatch)
	wrong := "nobody"
	_, err = b.service.ChangeAdministrator(b.ctx, o.TenantID, tenant.AdministratorChange{Email: &wrong}, 0, operator)
	var invalid *tenant.InvalidError
	require.ErrorAs(t, err, &invalid)
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM audit_log WHERE action = 'change-administrator' AND outcome = 'accepted' AND detail = 'changed adminEmail'`))
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM audit_log WHERE action = 'change-administrator' AND outcome = 'refused'`))

	// What cannot be audited is not done.
	b.exec(t, `ALTER TABLE audit_log ADD CONSTRAINT refuse CHECK (id < 0) NOT VALID`)
	other := "ada@hospital.example"
	_, err = b.service.ChangeAdministrator(b.ctx, o.TenantID, tenant.AdministratorChange{Email: &other}, 0, operator)
	require.Error(t, err)
	got, err := b.service.Tenant(b.ctx, o.TenantID)
	require.NoError(t, err)
	require.Equal(t, address, got.Administrator.Email)
}

// in puts a tenant into a status, as an operation that has ended would have left it.
func (b *testBundle) in(t *testing.T, id tenant.ID, status tenant.Status) {
	t.Helper()
	b.exec(t, `UPDATE operations SET state = 'SUCCEEDED', pivot_passed = true, finished_at = now() WHERE tenant_id = $1 AND state = 'PENDING'`, string(id))
	b.exec(t, `UPDATE tenants SET status = $2, name_held = $3, activated_at = CASE WHEN $2 <> 'FAILED' THEN now() END,
			archived_from = CASE $2 WHEN 'ARCHIVED' THEN 'ACTIVE' END, purge_after = CASE $2 WHEN 'ARCHIVED' THEN now() + interval '1 day' END,
			admin_email = CASE WHEN $2 <> 'DELETED' THEN admin_email END, admin_first_name = CASE WHEN $2 <> 'DELETED' THEN admin_first_name END,
			admin_last_name = CASE WHEN $2 <> 'DELETED' THEN admin_last_name END
		WHERE id = $1`, string(id), string(status), status.HoldsName())
	var schema string // as far as an acceptance looks at it
	require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT schema_name FROM tenants WHERE id = $1`, string(id)).Scan(&schema))
	users := pgx.Identifier{schema, "users"}.Sanitize()
	b.exec(t, `CREATE SCHEMA `+pgx.Identifier{schema}.Sanitize())
	b.exec(t, `CREATE TABLE `+users+` AS SELECT $1::uuid AS id, 'ada@hospital.example' AS email, NULL::text AS password_hash`, id.AdministratorID())
}

// TestEveryKindFromEveryStatus is accepted where the table of kinds has it, and
// refused otherwise, with what is allowed. Taken back before it began, it leaves the
// tenant as it was.
func TestEveryKindFromEveryStatus(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := tenant.Caller{Client: "test", Actor: "ada", Admin: true}
	for _, status := range tenant.Statuses() {
		for _, l := range tenant.Lifecycles() {
			t.Run(string(status)+"/"+l.Verb, func(t *testing.T) {
				t.Parallel()
				o, err := b.service.Create(b.ctx, order(), admin, "")
				require.NoError(t, err)
				b.in(t, o.TenantID, status)
				id, was := o.TenantID, b.row(t, o.TenantID)
				o, err = b.service.Submit(b.ctx, b.request(t, l, id), admin)
				if !l.Accepts(status) {
					var refused *tenant.StatusRefusedError
					require.ErrorAs(t, err, &refused)
					require.Equal(t, status, refused.Status)
					require.Equal(t, was, b.row(t, id))
					return
				}
				require.NoError(t, err)
				require.Equal(t, l.Kind, o.Kind)
				require.Equal(t, tenant.StatePending, o.State)
				_, err = b.service.Act(b.ctx, o.ID, tenant.ActionRollback, tenant.ActionRequest{Reason: "a typo"}, admin)
				require.NoError(t, err)
				if l.Undone == "" {
					require.Equal(t, was, b.row(t, id))
				}
			})
		}
	}
}

// request asks for an operation of a kind.
func (b *testBundle) request(t *testing.T, l tenant.Lifecycle, id tenant.ID) tenant.Request {
	t.Helper()
	r := tenant.Request{Kind: l.Kind, Tenant: id, Reason: "why"}
	if l.TakesBackup {
		made, err := backup.NewID()
		require.NoError(t, err)
		r.Backup = string(made)
		_, err = b.pool.Exec(b.ctx, `INSERT INTO backups (id, tenant_id, state, taken_at) VALUES ($1, $2, 'GOOD', now())`, r.Backup, string(id))
		require.NoError(t, err)
	}
	return r
}

// row is a tenant's, but for its version and what is a time.
func (b *testBundle) row(t *testing.T, id tenant.ID) (row string) {
	t.Helper()
	require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT (to_jsonb(t) - '{version, updated_at, purge_after}'::text[])::text FROM tenants t WHERE id = $1`, string(id)).Scan(&row))
	return row
}

// TestEveryKindAtOnce: of twenty requests for operations of all kinds on one tenant
// one is accepted, beside an invitation that it has given way, and none waits for
// another for ever.
func TestEveryKindAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := tenant.Caller{Client: "test", Actor: "ada", Admin: true}
	for _, status := range []tenant.Status{tenant.StatusActive, tenant.StatusArchived, tenant.StatusFailed} {
		o, err := b.service.Create(b.ctx, order(), admin, "")
		require.NoError(t, err)
		b.in(t, o.TenantID, status)
		var mu sync.Mutex
		accepted := 0
		var group errgroup.Group
		for n := range 20 {
			l := tenant.Lifecycles()[n%len(tenant.Lifecycles())]
			asked := b.request(t, l, o.TenantID)
			group.Go(func() error {
				_, err := b.service.Submit(b.ctx, asked, admin)
				mu.Lock()
				defer mu.Unlock()
				var byStatus *tenant.StatusRefusedError
				switch {
				case err == nil:
					accepted++
				case errors.Is(err, tenant.ErrOperationOpen), errors.As(err, &byStatus):
				default:
					return err
				}
				return nil
			})
		}
		require.NoError(t, group.Wait())
		gaveWay := b.count(t, `SELECT count(*) FROM operations WHERE tenant_id = $1 AND failure_reason LIKE 'given up for a later operation%'`, string(o.TenantID))
		require.Equal(t, 1, accepted-gaveWay, status)
		require.Equal(t, 1, b.count(t, `SELECT count(*) FROM operations WHERE tenant_id = $1 AND state = 'PENDING'`, string(o.TenantID)))
	}
}
