package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	tenantcontract "tenant-provisioning/contracts/tenant"
)

const (
	// ready counts the standbys that a request may take.
	ready = `SELECT count(*) FROM standby_stock WHERE unfit IS NULL`
	// stillOpen counts the operations that have not ended.
	stillOpen = `SELECT count(*) FROM operations WHERE state NOT IN ('SUCCEEDED', 'ROLLED_BACK')`
	// taken tells of a tenant's id whether it was a standby.
	taken = `SELECT EXISTS (SELECT FROM operations WHERE tenant_id = $1 AND kind = 'prepare')`
)

// stop ends a process in order.
func (p *process) stop() {
	p.Signal(syscall.SIGTERM)
	p.wait()
}

// TestStandbysAreTakenWhileProcessesAreKilled: seeded rounds of kill -9 of api and worker
// while standbys are made and taken, more requests than there are standbys. No id is
// handed out twice, no contract is without a tenant, no standby is lost, and nobody but who
// asked for a tenant sees one. Then none is wanted any more, and what is left is purged.
func TestStandbysAreTakenWhileProcessesAreKilled(t *testing.T) {
	t.Parallel()
	const wanted = 4
	i := install(t, map[string]string{"STANDBY_TENANTS": fmt.Sprint(wanted), "STANDBY_PER_MINUTE": "6000"})
	api, worker := i.start()
	var accepted []operation
	for n := range rounds(t, 2) {
		random := rand.New(rand.NewPCG(24, n))
		least := random.IntN(wanted + 1)
		eventually(t, "there is some stock", func() bool { return value[int](i, ready) >= least })
		asked := i.asksInTheBackground(fmt.Sprintf("round %d", n), 2*wanted)
		rows := i.logged() + random.IntN(4*wanted)
		eventually(t, "they are in the middle", func() bool { return i.logged() >= rows })
		if random.IntN(2) == 0 {
			api.kill()
			api = i.startAPI()
		}
		worker.kill()
		worker = i.startWorker()
		require.Zero(t, i.starter("standby", "fill", "2").wait(), "by hand, whatever the worker that was killed has begun")
		accepted = append(accepted, asked()...)
	}
	ids := map[string]bool{}
	at := 0
	for _, o := range accepted {
		ids[o.TenantID] = true
		i.becomesActive(o)
		if value[bool](i, taken, o.TenantID) {
			at++
		}
	}
	require.Len(t, ids, len(accepted), "no id is handed out twice")
	require.NotZero(t, at, "some were standbys")
	require.NotEqual(t, len(accepted), at, "and for some there was none")
	i.isStocked(wanted)
	require.Len(t, i.list(), len(accepted), "a standby is in no listing")

	worker.stop()
	left := i.with(map[string]string{"STANDBY_TENANTS": "0"})
	left.startWorker()
	eventually(t, "the stock is purged", func() bool {
		return value[int](i, `SELECT count(*) FROM tenants WHERE status = 'STANDBY'`) == 0 && value[int](i, stillOpen) == 0
	})
	for _, contract := range i.column(`SELECT x.contract_id FROM stellar_transactions x JOIN tenants t ON t.id = x.tenant_id
		WHERE t.status = 'DELETED' AND x.purpose = 'DEPLOY_CONTRACT' AND x.state = 'APPLIED'`) {
		require.Equal(t, tenantcontract.Terminated, i.contractStatus(contract))
	}
	i.isStocked(0)
}

// isStocked waits until nothing is under way, and requires that every tenant is somebody's
// or in stock, and every contract that lives a tenant's.
func (i *installation) isStocked(least int) {
	t := i.t
	t.Helper()
	eventually(t, "the stock is filled", func() bool { return value[int](i, ready) >= least && value[int](i, stillOpen) == 0 })
	require.Zero(t, value[int](i, `SELECT count(*) FROM tenants t WHERE status = 'STANDBY' AND NOT EXISTS (SELECT FROM standby_stock s WHERE s.tenant_id = t.id AND s.unfit IS NULL)`), "a standby is lost")
	require.Zero(t, value[int](i, `SELECT count(*) FROM standbys s JOIN tenants t ON t.id = s.tenant_id WHERE t.status <> 'STANDBY'`), "one is in stock that somebody has")
	require.Zero(t, value[int](i, `SELECT count(*) FROM stellar_transactions x WHERE purpose = 'DEPLOY_CONTRACT' AND state = 'APPLIED'
		AND NOT EXISTS (SELECT FROM tenants t WHERE t.id = x.tenant_id AND (t.contract_id = x.contract_id OR t.status IN ('FAILED', 'DELETED')))`), "a contract without a tenant")
	i.requireNoMore()
	require.Empty(t, i.reconciles())
}

// column is what a query answers, one text a row.
func (i *installation) column(sql string) (all []string) {
	i.t.Helper()
	rows, err := i.db.Query(i.t.Context(), sql)
	require.NoError(i.t, err)
	defer rows.Close()
	for rows.Next() {
		var text string
		require.NoError(i.t, rows.Scan(&text))
		all = append(all, text)
	}
	require.NoError(i.t, rows.Err())
	return all
}

// list is what the API lists.
func (i *installation) list() []tenant {
	i.t.Helper()
	r := i.insist(http.MethodGet, "/v1/tenants?limit=100", nil)
	require.Equal(i.t, http.StatusOK, r.status, "%s", r.body)
	return read[struct{ Items []tenant }](i, r).Items
}

// asksInTheBackground asks for so many tenants, each until it is accepted, and returns how
// to wait for them all.
func (i *installation) asksInTheBackground(name string, n int) func() []operation {
	i.t.Helper()
	replies := make([]reply, n)
	errs := make([]error, n)
	var all sync.WaitGroup
	for k := range n {
		all.Go(func() { replies[k], errs[k] = i.asksUntilAccepted(fmt.Sprintf("Hospital %d of %s", k, name)) })
	}
	return func() (accepted []operation) {
		all.Wait()
		require.NoError(i.t, errors.Join(errs...))
		for _, r := range replies {
			accepted = append(accepted, i.accepted(r))
		}
		return accepted
	}
}

func (i *installation) asksUntilAccepted(name string) (r reply, err error) {
	body, key := request(name), uuid.NewString()
	over, again := time.NewTimer(patience), time.NewTicker(glance)
	defer over.Stop()
	defer again.Stop()
	for {
		r, err = i.try(promptly, http.MethodPost, "/v1/tenants", body, "Idempotency-Key", key)
		if err == nil && r.status < 500 {
			return r, nil
		}
		select {
		case <-over.C:
			return r, fmt.Errorf("%s is not accepted: %d, %w", name, r.status, err)
		case <-again.C:
		}
	}
}

// TestATakenStandbyIsUndone as any tenant is, wherever its provisioning is: what it had
// before it was asked for ends as well. It is provisioned anew, and one whose schema
// somebody drops gets another.
func TestATakenStandbyIsUndone(t *testing.T) {
	t.Parallel()
	i := install(t, map[string]string{"STANDBY_TENANTS": "4", "STANDBY_PER_MINUTE": "6000"})
	_, worker := i.start()
	eventually(t, "four are in stock", func() bool { return value[int](i, ready) == 4 })
	worker.stop()
	i.execute(`UPDATE standby_policy SET fill_after = now() + interval '1 hour'`) // or what is made would be in the way of what is counted

	waits, fails, stops, dropped := i.create("Waits"), i.create("Fails"), i.create("Stops"), i.create("Dropped")
	for _, o := range []operation{waits, fails, stops, dropped} {
		require.True(t, value[bool](i, taken, o.TenantID))
	}
	require.Zero(t, value[int](i, ready))
	i.execute(`DROP SCHEMA ` + i.tenant(dropped.TenantID).SchemaName + ` CASCADE`)
	require.Equal(t, http.StatusAccepted, i.act(waits.ID, "rollback").status)
	stopped := i.holdRow("provisioning_logs", "NEW.step = 'SEED_ROLES_AND_USER' AND NEW.tenant_id = '"+stops.TenantID+"'")
	i.execute(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM 1 / 0; RETURN NEW; END $$`)
	i.execute(`CREATE TRIGGER refuse BEFORE UPDATE ON tenants FOR EACH ROW WHEN (NEW.status = 'ACTIVE' AND NEW.name = 'Fails') EXECUTE FUNCTION refuse()`)
	i.startWorker()
	stopped.await()
	i.cancelledBy(stops, cancelWays[0])
	stopped.release()

	i.becomesActive(dropped)
	i.isRolledBack(fails, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED)
	i.isRolledBack(stops, enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED)
	_, was := i.isRolledBack(waits, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED)
	require.Empty(t, i.reconciles())

	again := i.accepted(i.insist(http.MethodPost, "/v1/tenants/"+was.ID+"/reprovision", map[string]string{"reason": "a test"}))
	require.Equal(t, was.ID, again.TenantID)
	require.Equal(t, was.SchemaName, i.becomesActive(again).SchemaName)
	require.Empty(t, i.reconciles())
}

// TestRunbookOfAnEmptyStock follows the page where nothing is in stock because the ledger
// is away, and has come back.
func TestRunbookOfAnEmptyStock(t *testing.T) {
	t.Parallel()
	i := install(t, impatient)
	i.env["STANDBY_TENANTS"], i.env["STANDBY_PER_MINUTE"] = "1", "6000"
	i.rpc.refuse()
	i.start()
	eventually(t, "what was begun waits for a person", func() bool {
		return value[int](i, `SELECT count(*) FROM operations WHERE kind = 'prepare' AND state = 'NEEDS_ATTENTION'`) == 1
	})
	i.rpc.heal()
	id := value[string](i, `SELECT id::text FROM operations WHERE kind = 'prepare'`)
	i.follow(operation{ID: id}, "standby-empty.md")
	eventually(t, "one is in stock", func() bool { return value[int](i, ready) == 1 })
	require.True(t, value[bool](i, taken, i.becomesActive(i.create("Charité")).ID))
}
