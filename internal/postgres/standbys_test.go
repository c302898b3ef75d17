package postgres_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/migrations"
)

var madeToday = tenant.StandbyOrigin{Network: "n", ContractOrigin: tenant.ContractOrigin{Admin: "G", Code: "c0de"}}

// stock is a bundle with the stock of standbys, of which some are wanted.
type stock struct {
	testBundle

	standbys *postgres.Standbys
}

func stocked(t *testing.T, ready int) stock {
	t.Helper()
	b := setup(t)
	s := stock{b, postgres.NewStandbys(b.pool)}
	s.want(t, 5)
	for range ready {
		s.prepare(t)
	}
	return s
}

// want writes down what the workers want, as the worker that fills the stock does.
func (s stock) want(t *testing.T, n int) {
	t.Helper()
	template, err := migrations.Tenant()
	require.NoError(t, err)
	mine, err := s.standbys.TakeTurn(s.ctx, tenant.StandbyPolicy{Wanted: n, Template: template.Version, Made: madeToday}, time.Minute)
	require.NoError(t, err)
	require.True(t, mine)
	require.NoError(t, s.standbys.EndTurn(s.ctx, 0))
}

// ordered records a standby that is to be made.
func (s stock) ordered(t *testing.T) tenant.Submission {
	t.Helper()
	sub := acceptance(t, "-")
	id := sub.New.ID
	sub.New = &tenant.Tenant{ID: id, Schema: tenant.SchemaName("", id), Role: tenant.SchemaName("", id), Status: tenant.StatusStandby, Generation: 1}
	sub.Operation.Kind, sub.Operation.Client, sub.Standby = tenant.KindPrepare, tenant.StandbyActor, true
	_, err := s.operations.Submit(s.ctx, sub)
	require.NoError(t, err)
	return sub
}

// begun is one whose schema is made.
func (s stock) begun(t *testing.T) tenant.Fence {
	t.Helper()
	f := fence(s.ordered(t))
	f.Kind, f.To = tenant.KindPrepare, tenant.StatusStandby
	c, err := s.transitions.Claim(s.ctx, f)
	require.NoError(t, err)
	require.True(t, c.Claimed)
	require.NoError(t, s.schemas.Create(s.ctx, f))
	return f
}

// prepare makes a standby, but for the ledger.
func (s stock) prepare(t *testing.T) tenant.ID {
	t.Helper()
	f := s.begun(t)
	s.deploy(t, f)
	require.NoError(t, s.standbys.MarkStandby(s.ctx, f, madeToday))
	return f.Tenant
}

func (s stock) standing(t *testing.T) tenant.StandbyStock {
	t.Helper()
	st, err := s.standbys.Standing(s.ctx)
	require.NoError(t, err)
	return st
}

// asks is a request for a tenant, and the fence of the run that has taken its operation.
func (s stock) asks(t *testing.T, name string) tenant.Fence {
	t.Helper()
	o, err := s.operations.Submit(s.ctx, acceptance(t, name))
	require.NoError(t, err)
	return s.runs(t, o)
}

func (s stock) runs(t *testing.T, o tenant.Operation) tenant.Fence {
	t.Helper()
	o.RunID, o.State = rand.Text(), tenant.StateRunning
	c, err := s.transitions.Claim(s.ctx, o.Fence())
	require.NoError(t, err)
	require.True(t, c.Claimed)
	return o.Fence()
}

// TestAStandbyBecomesATenant as any other: nobody saw it before, and nothing tells it from
// one that was made for its request, but that its schema has no part of its name.
func TestAStandbyBecomesATenant(t *testing.T) {
	t.Parallel()
	s := stocked(t, 0)
	id := s.prepare(t)
	s.mustExec(t, `UPDATE standby_policy SET wanted = 0`)
	before := s.accept(t, "Younger than the standby")
	s.mustExec(t, `UPDATE standby_policy SET wanted = 1`)
	f := s.asks(t, "Charité am See")
	require.Equal(t, id, f.Tenant)
	row, err := s.tenants.Find(s.ctx, id)
	require.NoError(t, err)
	require.Equal(t, "charite_am_see", row.Slug)
	require.Equal(t, tenant.SchemaName("", id), row.Schema)
	require.Equal(t, tenant.StatusProvisioning, row.Status)
	require.Equal(t, "ada@hospital.example", row.Administrator.Email)
	page, err := s.tenants.List(s.ctx, tenant.Filter{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, id, page.Items[0].ID, "it is as new as its request")
	page, err = s.tenants.List(s.ctx, tenant.Filter{Limit: 1, Cursor: page.NextCursor})
	require.NoError(t, err)
	require.Equal(t, before.New.ID, page.Items[0].ID)
	require.Empty(t, page.NextCursor)

	require.NoError(t, s.schemas.Create(s.ctx, f))
	require.NoError(t, s.schemas.Create(s.ctx, f), "a repetition changes nothing")
	require.Equal(t, 1, s.count(t, `SELECT count(*) FROM `+ident(row.Schema)+`.users WHERE email = 'ada@hospital.example' AND role = 'admin'`))
	s.takes(t, f)
	s.welcome(t, f)
	p, err := s.operations.Progress(s.ctx, id)
	require.NoError(t, err)
	require.Equal(t, tenant.StateSucceeded, p.Operation.State)
	require.Equal(t, tenant.StatusActive, p.Tenant.Status)
	require.Empty(t, s.look(t))
}

// TestAStandbyIsNoTenant to anybody: in no listing, count or search, and not there for a
// request about it.
func TestAStandbyIsNoTenant(t *testing.T) {
	t.Parallel()
	s := stocked(t, 1)
	rolledBack := s.begun(t)
	s.move(t, rolledBack, tenant.StateRunning, tenant.StateRollingBack)
	require.NoError(t, s.schemas.Drop(s.ctx, undoing(rolledBack)))
	s.move(t, rolledBack, tenant.StateRollingBack, tenant.StateRolledBack)
	id := s.standing(t).Ready[0]
	for _, hidden := range []tenant.ID{id, rolledBack.Tenant} {
		_, err := s.tenants.Find(s.ctx, hidden)
		require.ErrorIs(t, err, tenant.ErrNotFound)
		for _, l := range tenant.Lifecycles() {
			sub := submission(t, l.Kind, hidden)
			sub.Admin = true
			_, err := s.operations.Submit(s.ctx, sub)
			require.ErrorIs(t, err, tenant.ErrNotFound, l.Kind)
		}
		_, err = s.tenants.SetLegalHold(s.ctx, hidden, tenant.AuditEntry{Actor: "ada", Action: "legal-hold-set", Tenant: hidden, Reason: "-"})
		require.ErrorIs(t, err, tenant.ErrNotFound)
	}
	for _, status := range append(tenant.Statuses(), tenant.StatusStandby, "") {
		page, err := s.tenants.List(s.ctx, tenant.Filter{Status: status})
		require.NoError(t, err)
		require.Empty(t, page.Items, status)
	}
	counts, err := postgres.CountTenants(s.ctx, s.pool)
	require.NoError(t, err)
	require.Empty(t, counts)
	require.Empty(t, s.look(t), "and the reconciler has nothing against it")
}

// TestTheLastOneIsTakenOnce: of requests at the same time each has a tenant of its own,
// and those for which there is no standby have one made.
func TestTheLastOneIsTakenOnce(t *testing.T) {
	t.Parallel()
	s := stocked(t, 2)
	ready := s.standing(t).Ready
	var g errgroup.Group
	var mu sync.Mutex
	given := map[tenant.ID]int{}
	for i := range 20 {
		sub := acceptance(t, fmt.Sprintf("Clinic %d", i))
		g.Go(func() error {
			o, err := s.operations.Submit(s.ctx, sub)
			mu.Lock()
			defer mu.Unlock()
			given[o.TenantID]++
			return err
		})
	}
	require.NoError(t, g.Wait())
	require.Len(t, given, 20, "no id is handed out twice")
	for _, id := range ready {
		require.Equal(t, 1, given[id])
	}
	require.Zero(t, s.count(t, `SELECT count(*) FROM standbys`))
}

// TestARequestThatIsRefusedTakesNone, and one that is repeated takes one.
func TestARequestThatIsRefusedTakesNone(t *testing.T) {
	t.Parallel()
	s := stocked(t, 2)
	first := acceptance(t, "Charité")
	first.IdempotencyKey, first.Request = "key", []byte("same")
	accepted, err := s.operations.Submit(s.ctx, first)
	require.NoError(t, err)
	again := acceptance(t, "Charité")
	again.IdempotencyKey, again.Request = "key", []byte("same")
	repeated, err := s.operations.Submit(s.ctx, again)
	require.NoError(t, err)
	require.Equal(t, accepted.ID, repeated.ID)
	require.Equal(t, accepted.TenantID, repeated.TenantID)
	_, err = s.operations.Submit(s.ctx, acceptance(t, "CHARITÉ"))
	require.ErrorIs(t, err, tenant.ErrNameTaken)
	require.Len(t, s.standing(t).Ready, 1)
}

// TestATakenOneIsUndoneAsAnyOther, wherever its provisioning is, and provisioned anew.
func TestATakenOneIsUndoneAsAnyOther(t *testing.T) {
	t.Parallel()
	for what, reached := range map[string]func(*testing.T, stock, tenant.Fence){
		"before its first step": func(*testing.T, stock, tenant.Fence) {},
		"seeded":                func(t *testing.T, s stock, f tenant.Fence) { require.NoError(t, s.schemas.Create(s.ctx, f)) },
		"before its pivot": func(t *testing.T, s stock, f tenant.Fence) {
			require.NoError(t, s.schemas.Create(s.ctx, f))
			_, stored, err := s.contracts.BeginDeployment(s.ctx, f)
			require.NoError(t, err)
			require.NotEmpty(t, stored)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := stocked(t, 1)
			f := s.asks(t, "Charité")
			row, err := s.tenants.Find(s.ctx, f.Tenant)
			require.NoError(t, err)
			reached(t, s, f)
			s.move(t, f, tenant.StateRunning, tenant.StateRollingBack)
			require.NoError(t, s.contracts.Terminated(s.ctx, undoing(f), time.Second))
			require.NoError(t, s.schemas.Drop(s.ctx, undoing(f)))
			s.move(t, f, tenant.StateRollingBack, tenant.StateRolledBack)
			require.Empty(t, s.look(t))
			require.Zero(t, s.count(t, `SELECT count(*) FROM pg_namespace WHERE nspname = $1`, row.Schema))
			require.Zero(t, s.count(t, `SELECT count(*) FROM pg_roles WHERE rolname = $1`, row.Role))

			anew := s.submit(t, tenant.KindProvision, f.Tenant)
			require.Equal(t, 2, anew.Generation)
			require.NoError(t, s.schemas.Create(s.ctx, anew))
			s.activate(t, anew)
			s.welcome(t, anew)
			require.Empty(t, s.look(t))
		})
	}
}

// TestWhatIsNotFitIsNotHandedOut: the request has a tenant made.
func TestWhatIsNotFitIsNotHandedOut(t *testing.T) {
	t.Parallel()
	lives := func(archived bool, left string) string {
		return fmt.Sprintf(`INSERT INTO stellar_lives (network, entry, tenant_id, live_until, archived, lives_until, looked_at)
			SELECT 'n', contract_id, id, 1, %t, now() + interval '%s', now() FROM tenants`, archived, left)
	}
	for what, c := range map[string]struct {
		sql   string
		fault tenant.StandbyFault
	}{
		"another template":       {`UPDATE standby_policy SET template = template + 1`, tenant.StandbyTemplate},
		"another code":           {`UPDATE standby_policy SET code = 'other'`, tenant.StandbyContract},
		"another network":        {`UPDATE standby_policy SET network = 'other'`, tenant.StandbyContract},
		"another administrator":  {`UPDATE standby_policy SET admin = 'other'`, tenant.StandbyContract},
		"its rent ends":          {lives(false, "13 days"), tenant.StandbyRent},
		"its contract is asleep": {lives(true, "100 days"), tenant.StandbyRent},
		"its schema is dropped":  {`DO $$ BEGIN EXECUTE (SELECT 'DROP SCHEMA ' || schema_name || ' CASCADE' FROM tenants); END $$`, tenant.StandbySchema},
		"it left the stock":      {`DELETE FROM standbys`, tenant.StandbyRecord},
		"it has a finding": {`INSERT INTO findings (kind, subject, tenant_id, detail, repair, safe)
			SELECT 'active-without-contract', contract_id, id, '-', '-', false FROM tenants`, tenant.StandbyFinding},
		"its rent is paid": {lives(false, "15 days"), ""},
		"none is wanted":   {`UPDATE standby_policy SET wanted = 0`, ""},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := stocked(t, 1)
			id := s.standing(t).Ready[0]
			s.mustExec(t, c.sql)
			o, err := s.operations.Submit(s.ctx, acceptance(t, "Charité"))
			require.NoError(t, err)
			require.Equal(t, what == "its rent is paid", o.TenantID == id)
			st := s.standing(t)
			if c.fault != "" {
				require.Equal(t, map[tenant.StandbyFault][]tenant.ID{c.fault: {id}}, st.Unfit)
				require.Empty(t, st.Ready)
			}
		})
	}
}

// TestASchemaThatIsDroppedByHandIsMadeAnew where that happens after a request has taken
// the standby.
func TestASchemaThatIsDroppedByHandIsMadeAnew(t *testing.T) {
	t.Parallel()
	s := stocked(t, 1)
	f := s.asks(t, "Charité")
	row, err := s.tenants.Find(s.ctx, f.Tenant)
	require.NoError(t, err)
	s.mustExec(t, `DROP SCHEMA `+ident(row.Schema)+` CASCADE`)
	require.NoError(t, s.schemas.Create(s.ctx, f))
	require.NoError(t, s.schemas.Create(s.ctx, f), "and repeated")
	require.Equal(t, 1, s.count(t, `SELECT count(*) FROM `+ident(row.Schema)+`.users`))
	s.takes(t, f)
	s.welcome(t, f)
	require.Empty(t, s.look(t))
}

// takes goes on from the schema of a taken standby to ACTIVE: the contract is there.
func (s stock) takes(t *testing.T, f tenant.Fence) {
	t.Helper()
	for range 2 { // a repetition changes nothing
		_, stored, err := s.contracts.BeginDeployment(s.ctx, f)
		require.NoError(t, err)
		require.NotEmpty(t, stored, "there is nothing to deploy")
	}
	require.NoError(t, s.transitions.MarkActive(s.ctx, f))
}

// TestAStandbyIsPurged without a mail or a certificate, and by nobody but who says that it
// is one. A request does not get it any more.
func TestAStandbyIsPurged(t *testing.T) {
	t.Parallel()
	s := stocked(t, 1)
	id := s.standing(t).Ready[0]
	sub := submission(t, tenant.KindPurge, id)
	sub.Standby = true
	o, err := s.operations.Submit(s.ctx, sub)
	require.NoError(t, err)
	another, err := s.operations.Submit(s.ctx, acceptance(t, "Charité"))
	require.NoError(t, err)
	require.NotEqual(t, id, another.TenantID)
	f := s.runs(t, o)
	s.contractStatus(t, f, tenant.StepTerminateContract)
	require.NoError(t, s.schemas.Remove(s.ctx, f))
	require.NoError(t, postgres.NewPurges(s.pool).MarkDeleted(s.ctx, f))
	require.Zero(t, s.count(t, `SELECT count(*) FROM audit_log WHERE action = $1`, tenant.ActionCertificate))
	require.Equal(t, 1, s.count(t, `SELECT count(*) FROM tenants WHERE id = $1 AND status = 'DELETED'`, string(id)))
	require.Empty(t, s.look(t))
	require.Empty(t, s.standing(t).Unfit)
}

// TestAPurgeAndARequestAtOnce: one of them gets the standby.
func TestAPurgeAndARequestAtOnce(t *testing.T) {
	t.Parallel()
	s := stocked(t, 5)
	for i, id := range s.standing(t).Ready {
		sub := submission(t, tenant.KindPurge, id)
		sub.Standby = true
		request := acceptance(t, fmt.Sprintf("Clinic %d", i))
		var g errgroup.Group
		var refused *tenant.StatusRefusedError
		var purge error
		g.Go(func() error { _, purge = s.operations.Submit(s.ctx, sub); return nil })
		g.Go(func() error { _, err := s.operations.Submit(s.ctx, request); return err })
		require.NoError(t, g.Wait())
		if purge != nil { // the request was faster
			require.True(t, errors.As(purge, &refused) || errors.Is(purge, tenant.ErrOperationOpen) || errors.Is(purge, tenant.ErrNotFound), purge)
		}
	}
	require.Zero(t, s.count(t, `SELECT count(*) FROM operations o WHERE o.kind = 'purge' AND EXISTS (SELECT FROM operations p WHERE p.kind = 'provision' AND p.tenant_id = o.tenant_id)`))
	require.Empty(t, s.look(t))
}

// TestNobodyWaitsForAStandby: none is begun while anything else waits.
func TestNobodyWaitsForAStandby(t *testing.T) {
	t.Parallel()
	s := stocked(t, 0)
	s.ordered(t)
	request := s.accept(t, "Charité")
	take := func() []tenant.Operation {
		taken, err := s.queue.Take(s.ctx, 10, tenant.Bounds{Running: 10}, time.Minute)
		require.NoError(t, err)
		return taken
	}
	require.Equal(t, []tenant.Kind{tenant.KindProvision}, kindsOf(take()))
	require.True(t, s.standing(t).Requests)
	require.Empty(t, take(), "it is leased, and waits still")
	f := fence(request)
	_, err := s.transitions.Claim(s.ctx, f)
	require.NoError(t, err)
	require.Equal(t, []tenant.Kind{tenant.KindPrepare}, kindsOf(take()))

	overview, err := postgres.Overview(s.ctx, s.pool)
	require.NoError(t, err)
	require.Zero(t, overview.ByState()[tenant.StatePending], "the guide's figures do not count it")
	require.Equal(t, 1, overview.ByKind(tenant.KindPrepare, tenant.StatePending))
}

// TestWorkersTakeTurns at filling the stock.
func TestWorkersTakeTurns(t *testing.T) {
	t.Parallel()
	s := stocked(t, 0)
	policy := tenant.StandbyPolicy{Wanted: 3}
	mine, err := s.standbys.TakeTurn(s.ctx, policy, time.Minute)
	require.NoError(t, err)
	require.True(t, mine)
	mine, err = s.standbys.TakeTurn(s.ctx, policy, time.Minute)
	require.NoError(t, err)
	require.False(t, mine)
	require.NoError(t, s.standbys.EndTurn(s.ctx, time.Hour))
	mine, err = s.standbys.TakeTurn(s.ctx, policy, time.Minute)
	require.NoError(t, err)
	require.False(t, mine, "the pace forbids it")
	s.mustExec(t, `UPDATE standby_policy SET fill_after = now()`)
	mine, err = s.standbys.TakeTurn(s.ctx, policy, 0)
	require.NoError(t, err)
	require.True(t, mine)
	mine, err = s.standbys.TakeTurn(s.ctx, policy, time.Minute)
	require.NoError(t, err)
	require.True(t, mine, "the turn of a worker that was killed ends by itself")
	require.Equal(t, 3, s.standing(t).Wanted)

	require.False(t, s.standing(t).Held)
	s.mustExec(t, `UPDATE capacity SET short_since = now(), cause = 'full' WHERE resource = 'disk'`)
	require.True(t, s.standing(t).Held)
}

// TestTheReconcilerLooksAtStandbys: at what they have already, and not at what they lack.
func TestTheReconcilerLooksAtStandbys(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		sql  string
		kind tenant.FindingKind
	}{
		"no schema":                {`DROP SCHEMA {schema} CASCADE`, tenant.FindingActiveWithoutSchema},
		"a table is missing":       {`DROP TABLE {schema}.users`, tenant.FindingSchemaIncomplete},
		"a schema of another's":    {`UPDATE tenant_schema_versions SET generation = 7`, tenant.FindingSchemaWithoutOwner},
		"no role":                  {`COMMENT ON ROLE {role} IS NULL`, tenant.FindingActiveWithoutRole},
		"a privilege is missing":   {`REVOKE SELECT ON {schema}.users FROM {role}`, tenant.FindingGrantsMissing},
		"a privilege too much":     {`GRANT SELECT ON {schema}.users TO PUBLIC`, tenant.FindingAccessTooWide},
		"a contract of another's":  {`UPDATE tenants SET contract_id = 'C' || substr(contract_id, 2, 54) || 'X'`, tenant.FindingContractDiffers},
		"a contract that is a lie": {`DELETE FROM stellar_transactions`, tenant.FindingContractNotJournalled},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := stocked(t, 1)
			require.Empty(t, s.look(t))
			var schema string
			require.NoError(t, s.pool.QueryRow(s.ctx, `SELECT schema_name FROM tenants`).Scan(&schema))
			s.mustExec(t, strings.NewReplacer("{schema}", ident(schema), "{role}", ident(schema)).Replace(c.sql))
			found := s.look(t)
			require.Len(t, found, 1)
			require.Equal(t, c.kind, found[0].Kind)
		})
	}
	s := stocked(t, 1)
	checks, err := s.comparer.ContractsToCheck(s.ctx, 0, 10)
	require.NoError(t, err)
	require.Len(t, checks, 1)
	require.Equal(t, tenant.StatusStandby, checks[0].Status, "the ledger is asked as well")
	s.begun(t)
	require.Empty(t, s.look(t), "one that is being made may lack anything")
}

// TestATakenOneIsUndoneFromTheRequestOn: it has a schema and a contract before its
// operation has done anything, and a rollback ends both.
func TestATakenOneIsUndoneFromTheRequestOn(t *testing.T) {
	t.Parallel()
	both := []string{tenant.UndoContract, tenant.UndoSchema}
	s := stocked(t, 2)
	o, err := s.operations.Submit(s.ctx, acceptance(t, "Charité"))
	require.NoError(t, err)
	f := o.Fence()
	f.Run = rand.Text()
	c, err := s.transitions.Claim(s.ctx, f)
	require.NoError(t, err)
	require.True(t, c.Claimed)
	require.Equal(t, both, c.Undos)

	waits, err := s.operations.Submit(s.ctx, acceptance(t, "Necker"))
	require.NoError(t, err)
	p, err := s.operations.Progress(s.ctx, waits.TenantID)
	require.NoError(t, err)
	require.Equal(t, both, p.Operation.Undos(p.Logs))
	done, err := s.operations.RollBackPending(s.ctx, waits, "not needed", tenant.AuditEntry{
		Actor: "ada", Action: "rollback", Tenant: waits.TenantID, Operation: waits.ID, Reason: "-", Outcome: tenant.OutcomeAccepted,
	})
	require.NoError(t, err)
	require.True(t, done)
	waits, err = s.operations.Find(s.ctx, waits.ID)
	require.NoError(t, err)
	require.Equal(t, tenant.StateRollingBack, waits.State)
	f = waits.Fence()
	f.Run = rand.Text()
	c, err = s.transitions.Claim(s.ctx, f)
	require.NoError(t, err)
	require.True(t, c.Claimed, "by the run that undoes it")
	require.Equal(t, tenant.StateRollingBack, c.State)

	made := s.accept(t, "Made for its request")
	done, err = s.operations.RollBackPending(s.ctx, tenant.Operation{ID: made.Operation.ID, TenantID: made.Operation.TenantID, Kind: tenant.KindProvision, State: tenant.StatePending}, "-", tenant.AuditEntry{
		Actor: "ada", Action: "rollback", Tenant: made.Operation.TenantID, Operation: made.Operation.ID, Reason: "-", Outcome: tenant.OutcomeAccepted,
	})
	require.NoError(t, err)
	require.True(t, done)
	row, err := s.operations.Find(s.ctx, made.Operation.ID)
	require.NoError(t, err)
	require.Equal(t, tenant.StateRolledBack, row.State, "nothing was done for it")
}
