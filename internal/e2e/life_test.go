package e2e

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"tenant-provisioning/client"
	tenantcontract "tenant-provisioning/contracts/tenant"
)

// turn is one kind of operation in a tenant's life, and how it leaves the tenant.
type turn struct {
	kind, method, path string
	status             client.Status
	contract           tenantcontract.Status
	template           string
	// stages are the steps in whose log rows a worker is killed.
	stages []string
	// onLedger tells that a transaction is sent.
	onLedger bool
}

// turns lead from an active tenant to an active one.
var turns = []turn{
	{"suspend", http.MethodPost, "/suspend", "SUSPENDED", tenantcontract.Suspended, "suspended", []string{"REVOKE_ACCESS", "SUSPEND_CONTRACT", "MARK_SUSPENDED"}, true},
	{"resume", http.MethodPost, "/resume", "ACTIVE", tenantcontract.Active, "resumed", []string{"RESUME_CONTRACT", "MARK_ACTIVE"}, true},
	{"archive", http.MethodDelete, "", "ARCHIVED", tenantcontract.Suspended, "archived", []string{"REVOKE_ACCESS", "SUSPEND_CONTRACT", "MARK_ARCHIVED"}, true},
	{"undelete", http.MethodPost, "/undelete", "ACTIVE", tenantcontract.Active, "undeleted", []string{"RESUME_CONTRACT", "MARK_ACTIVE"}, true},
	{"invite", http.MethodPost, "/invite", "ACTIVE", tenantcontract.Active, "welcome", []string{"SEND_WELCOME_EMAIL"}, false},
}

// nobodyToTell is the step that an invitation has not to do where nobody signs in yet.
const nobodyToTell = "nobody is to be told"

// ask has an operation of the kind accepted.
func (u turn) ask(i *installation, tenant string) operation {
	i.t.Helper()
	return i.accepted(i.insist(u.method, "/v1/tenants/"+tenant+u.path, map[string]string{"reason": "ticket 4711"}, "Idempotency-Key", uuid.NewString()))
}

// moments are those in which a worker is killed, once in each step, and how it is
// stopped there.
func (u turn) moments() map[string]func(*installation) hold {
	moments := map[string]func(*installation) hold{
		"claiming":                        row("operations", "NEW.state = 'RUNNING' AND NEW.kind = '"+u.kind+"'"),
		"in the mail, the answer is lost": another(mailTaken),
		"in the mail, it is not noted":    row("emails", "NEW.state = 'SENT' AND NEW.template = '"+u.template+"'"),
	}
	for _, step := range u.stages {
		moments["in "+step] = row("provisioning_logs", "NEW.step = '"+step+"'")
	}
	if u.onLedger {
		moments["the ledger's answer is lost"] = rpc(sendTransaction, afterSending)
	}
	return moments
}

// takes waits for the end of a turn and holds everything against what it must leave
// of the tenant as it was.
func (i *installation) takes(u turn, o operation, t tenant, mails int) {
	i.t.Helper()
	i.reaches(o.ID, "SUCCEEDED")
	require.Equal(i.t, u.status, i.tenant(o.TenantID).Status)
	require.Equal(i.t, u.status == "ACTIVE", value[bool](i, `SELECT coalesce((SELECT has_schema_privilege(r.oid, n.oid, 'USAGE')
		FROM pg_roles r, pg_namespace n WHERE r.rolname = $1 AND n.nspname = $2), false)`, t.RoleName, t.SchemaName), "access")
	require.Equal(i.t, u.contract, i.contractStatus(t.ContractID))
	require.Equal(i.t, mails, len(i.mails(t.AdminEmail)), "mails") //nolint:testifylint // Len would print them
	require.Equal(i.t, "SENT", value[string](i, `SELECT state FROM emails WHERE operation_id = $1 AND template = $2`, o.ID, u.template))
	require.Zero(i.t, value[int](i, `SELECT count(*) FROM provisioning_logs WHERE operation_id = $1 AND status IN ('IN_PROGRESS', 'ROLLED_BACK', 'SKIPPED')
		AND NOT coalesce(starts_with(error, $2), false)`, o.ID, nobodyToTell))
	for _, step := range u.stages {
		require.Equal(i.t, 1, value[int](i, `SELECT count(*) FROM provisioning_logs WHERE operation_id = $1 AND step = $2 AND status = 'COMPLETED'`, o.ID, step), step)
	}
	require.Equal(i.t, 1, value[int](i, `SELECT count(*) FROM audit_log WHERE operation_id = $1 AND action = $2 AND outcome = 'accepted' AND reason = 'ticket 4711'`, o.ID, u.kind))
	run, err := i.temporal().DescribeWorkflowExecution(i.t.Context(), "tenant-"+u.kind+"/"+t.ID, "")
	require.NoError(i.t, err)
	require.NotEqual(i.t, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED, run.GetWorkflowExecutionInfo().GetStatus())
}

// another is a hold that counts from what was there before.
func another(stop func(*installation) hold) func(*installation) hold {
	return func(i *installation) hold {
		h := stop(i)
		held := h.held
		before := held()
		h.held = func() int { return held() - before }
		return h
	}
}

// TestLifeOfATenant goes through all kinds twice: each comes again.
func TestLifeOfATenant(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.startAPI()
	i.startWorker()
	tenant := i.becomesActive(i.create("Charité"))
	mails := 1
	for range 2 {
		for _, u := range turns {
			mails++
			i.takes(u, u.ask(i, tenant.ID), tenant, mails)
		}
	}
	require.Empty(t, i.reconciles())
	i.setsFirstPassword(i.tenant(tenant.ID))
	for _, personal := range []string{tenant.AdminEmail, "Lovelace"} {
		require.Empty(t, value[string](i, `
			SELECT coalesce(string_agg(relname, ', '), '') FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'tenants'
				AND position($1 IN query_to_xml(format('SELECT t::text FROM %I t', relname), nulls => true, tableforest => true, targetns => '')::text) > 0`, personal), "who administrates is in tenants alone")
	}
	last := i.mails(tenant.AdminEmail)[mails-1]
	require.NotContains(t, last.Text+last.HTML, "4711", "none of a reason's text")

	archive, undelete := turns[2], turns[3]
	suspended := turns[0].ask(i, tenant.ID)
	i.reaches(suspended.ID, "SUCCEEDED")
	i.reaches(archive.ask(i, tenant.ID).ID, "SUCCEEDED")
	i.reaches(undelete.ask(i, tenant.ID).ID, "SUCCEEDED")
	require.Equal(t, client.StatusSuspended, i.tenant(tenant.ID).Status, "what was suspended comes back so")
	require.Equal(t, tenantcontract.Suspended, i.contractStatus(tenant.ContractID))
	require.Empty(t, i.reconciles())
}

// TestATenantComesBackUnderANewName, although a worker is killed in its pivot, and
// as it was when that is taken back.
func TestATenantComesBackUnderANewName(t *testing.T) {
	t.Parallel()
	i := install(t, impatient)
	i.startAPI()
	worker := i.startWorker()
	before := i.becomesActive(i.create("Charité"))
	archive, undelete := turns[2], turns[3]
	i.takes(archive, archive.ask(i, before.ID), before, 2)
	i.becomesActive(i.create("Charité"))
	path, body := "/v1/tenants/"+before.ID+"/undelete", map[string]string{"name": "Charité am See", "reason": "ticket 4711"}
	r := i.insist(http.MethodPost, path, map[string]string{"reason": "ticket 4711"})
	require.Equal(t, http.StatusConflict, r.status, "%s", r.body)
	require.Contains(t, read[problem](i, r).Detail, "give it a new one")

	i.rpc.refuse()
	o := i.accepted(i.insist(http.MethodPost, path, body))
	i.reaches(o.ID, "NEEDS_ATTENTION")
	i.rpc.heal()
	i.actUntilAccepted(o.ID, "rollback")
	i.reaches(o.ID, "ROLLED_BACK")
	left := i.tenant(before.ID)
	require.Equal(t, client.StatusArchived, left.Status)
	require.Equal(t, "Charité", left.Name)

	held := row("provisioning_logs", "NEW.step = 'MARK_ACTIVE' AND NEW.tenant_id = '"+before.ID+"'")(i)
	o = i.accepted(i.insist(http.MethodPost, path, body))
	held.await()
	require.Equal(t, "Charité", i.tenant(before.ID).Name, "not before the pivot has committed")
	worker.kill()
	held.release()
	i.startWorker()
	i.takes(undelete, o, before, 3)
	after := i.tenant(before.ID)
	require.Equal(t, "Charité am See", after.Name)
	require.Equal(t, []string{before.SchemaName, before.RoleName, before.ContractID}, []string{after.SchemaName, after.RoleName, after.ContractID})
	require.Contains(t, i.mails(after.AdminEmail)[2].Subject, "Charité am See")
	require.Empty(t, i.reconciles())
}

// TestWorkerIsKilledInALife once in each step of each kind.
func TestWorkerIsKilledInALife(t *testing.T) {
	t.Parallel()
	for n, u := range turns {
		for name, stop := range u.moments() {
			t.Run(u.kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				i := install(t, nil)
				i.execute(watchChanges)
				i.startAPI()
				worker := i.startWorker()
				tenant := i.becomesActive(i.create("Charité"))
				for m, before := range turns[:n] {
					i.takes(before, before.ask(i, tenant.ID), tenant, m+2)
				}
				held := stop(i)
				o := u.ask(i, tenant.ID)
				held.await()
				worker.kill()
				held.release()
				i.startWorker()
				i.takes(u, o, tenant, n+2)
				require.Empty(t, i.reconciles())
				require.Empty(t, i.unannounced())
			})
		}
	}
}

// TestASuspensionIsTakenBack by a person, and leaves the tenant as it was.
func TestASuspensionIsTakenBack(t *testing.T) {
	t.Parallel()
	i := install(t, impatient)
	i.startAPI()
	i.startWorker()
	tenant := i.becomesActive(i.create("Charité"))
	i.rpc.refuse()
	o := turns[0].ask(i, tenant.ID)
	i.reaches(o.ID, "NEEDS_ATTENTION")
	usage := func() bool {
		return value[bool](i, `SELECT has_schema_privilege($1, $2, 'USAGE')`, tenant.RoleName, tenant.SchemaName)
	}
	require.False(t, usage(), "access stays off while it waits")
	require.Equal(t, client.StatusActive, i.tenant(tenant.ID).Status)
	i.rpc.heal()
	i.actUntilAccepted(o.ID, "rollback")
	i.reaches(o.ID, "ROLLED_BACK")
	require.True(t, usage())
	require.Equal(t, client.StatusActive, i.tenant(tenant.ID).Status)
	require.Equal(t, tenantcontract.Active, i.contractStatus(tenant.ContractID))
	require.Empty(t, i.reconciles())

	r := i.insist(http.MethodPost, "/v1/tenants/"+tenant.ID+"/resume", map[string]string{"reason": "x"})
	require.Equal(t, http.StatusConflict, r.status, "%s", r.body)
	refused := read[problem](i, r)
	require.Equal(t, client.CodeActionRefused, refused.Code)
	require.ElementsMatch(t, []client.Action{"suspend", "archive", "invite", "restore"}, refused.AllowedActions)
	require.Contains(t, refused.Detail, "ACTIVE")
}
