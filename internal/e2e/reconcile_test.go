package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stellar/go-stellar-sdk/strkey"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	sdk "go.temporal.io/sdk/client"

	"tenant-provisioning/client"
	"tenant-provisioning/internal/postgres/postgrestest"
)

type finding struct {
	ID, Kind, Subject, TenantID, State, Detail string
	Safe                                       bool
}

// reconciles has everything compared at once, and returns what is open.
func (i *installation) reconciles() []finding {
	i.t.Helper()
	open, _ := i.reconcilesAndTells()
	return open
}

// reconcilesAndTells returns what was repaired by the reconciler itself as well.
func (i *installation) reconcilesAndTells() (open, repaired []finding) {
	i.t.Helper()
	var answer struct {
		Items, Repaired []finding
		Incomplete      []string
	}
	eventually(i.t, "nothing was left out for want of an answer in time", func() bool {
		p := i.answered("reconcile", "--output", "json")
		require.Contains(i.t, []int{0, 3}, p.wait(), p.stderr.String())
		answer.Items, answer.Repaired, answer.Incomplete = nil, nil, nil
		require.NoError(i.t, json.Unmarshal([]byte(p.stdout.String()), &answer))
		return len(answer.Incomplete) == 0
	})
	return answer.Items, answer.Repaired
}

// terminate ends an operation's run as a person does, and lets the time pass
// that is given to something that may still be under way. It returns the run.
func (i *installation) terminate(o operation) (run string) {
	i.t.Helper()
	run = i.terminateHeld(o)
	i.ages(o)
	return run
}

func (i *installation) ages(o operation) {
	i.t.Helper()
	i.execute(`UPDATE operations SET updated_at = updated_at - interval '1 hour', finished_at = finished_at - interval '1 hour' WHERE id = $1`, o.ID)
}

// TestRunIsTerminated in each phase: the reconciler brings the operation to its
// end, and what the run has left under way changes nothing.
func TestRunIsTerminated(t *testing.T) {
	t.Parallel()
	for _, m := range []moment{
		{name: "before the schema", stop: row("tenant_schema_versions", "true")},
		{name: "before the contract", stop: row("provisioning_logs", "NEW.step = 'DEPLOY_SOROBAN_CONTRACT' AND NEW.status = 'IN_PROGRESS'")},
		{name: "in the contract, nothing was sent", stop: rpc(sendTransaction, beforeSending)},
		{name: "in the contract, the answer is lost", stop: rpc(sendTransaction, afterSending)},
		{name: "in the mail, the answer is lost", stop: mailTaken},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			i := install(t, nil)
			i.start()
			held := m.stop(i)
			o := i.create("Charité")
			held.await()
			i.terminateHeld(o)
			held.release()
			i.ages(o)
			i.reconciles()
			if value[bool](i, `SELECT pivot_passed FROM operations WHERE id = $1`, o.ID) {
				i.reaches(o.ID, "SUCCEEDED")
				require.Equal(t, client.StatusActive, i.tenant(o.TenantID).Status)
				require.Equal(t, 1, len(i.mails(i.tenant(o.TenantID).AdminEmail))) //nolint:testifylint // Len would print them
			} else {
				i.isRolledBack(o, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED)
			}
			i.ages(o)
			require.Empty(t, i.reconciles(), "it fits together again")
		})
	}
}

// terminateHeld ends a run whose step holds the operation's row.
func (i *installation) terminateHeld(o operation) (run string) {
	i.t.Helper()
	run = value[string](i, `SELECT run_id FROM operations WHERE id = $1`, o.ID)
	asked := 0
	err := i.asksTemporal(func() error {
		asked++
		return i.temporal().TerminateWorkflow(i.t.Context(), workflowID(o), "", "a test")
	})
	if _, over := errors.AsType[*serviceerror.NotFound](err); !over || asked == 1 {
		require.NoError(i.t, err)
	}
	return run
}

// TestParkedRunIsTerminated: before the pivot everything is undone, after it
// the step is tried again.
func TestParkedRunIsTerminated(t *testing.T) {
	t.Parallel()
	t.Run("before the pivot", func(t *testing.T) {
		t.Parallel()
		i := install(t, impatient)
		o := i.parksBeforeThePivot()
		i.rpc.heal()
		i.terminate(o)
		i.reconciles()
		i.isRolledBack(o, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED)
		require.Equal(t, "its run was terminated", i.tenant(o.TenantID).FailureReason)
	})
	t.Run("after the pivot", func(t *testing.T) {
		t.Parallel()
		i := install(t, nil)
		o := i.parksAfterThePivot()
		i.mail.Recover()
		i.terminate(o)
		i.reconciles()
		i.becomesActive(o)
	})
}

// reset has Temporal do the run again from its first task, as a person does. It
// returns the new run.
func (i *installation) reset(o operation) (run string) {
	i.t.Helper()
	request := &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: i.env["TEMPORAL_NAMESPACE"], WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: workflowID(o)},
		Reason: "a test", WorkflowTaskFinishEventId: 4, RequestId: uuid.NewString(), // with that of the reset before it would be none
		ResetReapplyExcludeTypes: []enumspb.ResetReapplyExcludeType{
			enumspb.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL, enumspb.RESET_REAPPLY_EXCLUDE_TYPE_UPDATE,
		},
	}
	require.NoError(i.t, i.asksTemporal(func() error {
		answer, err := i.temporal().WorkflowService().ResetWorkflowExecution(i.t.Context(), request)
		run = answer.GetRunId()
		return err
	}))
	return run
}

// TestRunIsReset: an open operation goes on, a closed one stays as it is.
func TestRunIsReset(t *testing.T) {
	t.Parallel()
	i := install(t, impatient)
	o := i.parksBeforeThePivot()
	i.rpc.heal()
	first := i.reset(o)
	i.becomesActive(o)

	row := value[string](i, `SELECT o::text || t::text FROM operations o JOIN tenants t ON t.id = o.tenant_id WHERE o.id = $1`, o.ID)
	require.NotEqual(t, first, i.reset(o))
	i.closes(o, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED)
	require.Equal(t, row, value[string](i, `SELECT o::text || t::text FROM operations o JOIN tenants t ON t.id = o.tenant_id WHERE o.id = $1`, o.ID))
	i.requireNoMore()
}

// TestPersonWithPsql drops a schema and leaves another; a repair on request is
// shown first.
func TestPersonWithPsql(t *testing.T) {
	t.Parallel()
	i := install(t, impatient)
	i.start()
	active := i.becomesActive(i.create("Charité"))
	require.Empty(t, i.reconciles())
	i.execute(fmt.Sprintf(`DROP SCHEMA %q CASCADE`, active.SchemaName))
	i.execute(`CREATE SCHEMA t_left_0123abcd`)
	kinds := map[string]string{}
	for _, f := range i.reconciles() {
		kinds[f.Kind] = f.Subject
		require.Equal(t, 2, i.answered("reconcile", "--repair", f.ID, "--yes").wait(), "nothing repairs it by itself")
	}
	require.Equal(t, map[string]string{"active-without-schema": active.SchemaName, "schema-without-tenant": "t_left_0123abcd"}, kinds)
	i.execute(`DROP SCHEMA t_left_0123abcd`)

	i.rpc.refuse()
	o := i.reaches(i.create("Universitätsspital").ID, "NEEDS_ATTENTION")
	i.execute(`UPDATE operations SET state = 'ROLLED_BACK', finished_at = now() WHERE id = $1`, o.ID)
	i.execute(`UPDATE tenants SET status = 'FAILED', failure_reason = 'by hand' WHERE id = $1`, o.TenantID)
	i.rpc.heal()
	var left finding
	for _, f := range i.reconciles() {
		if f.Kind == "failed-with-schema" {
			left = f
		}
	}
	require.Equal(t, i.tenant(o.TenantID).SchemaName, left.Subject)
	i.output("reconcile", "--repair", left.ID)
	require.Equal(t, 1, value[int](i, `SELECT count(*) FROM pg_namespace WHERE nspname = $1`, left.Subject), "a preview does nothing")
	require.Contains(t, i.output("reconcile", "--repair", left.ID, "--yes", "--reason", "a test", "--actor", "reconciler"), "repaired")
	i.requireNothingOf(i.tenant(o.TenantID))
	require.Equal(t, 1, value[int](i, `SELECT count(*) FROM audit_log WHERE action = 'finding-repaired' AND reason = 'a test' AND actor_claimed`), "anybody can say so")
}

// TestABadRestore of single rows, privileges and tables of a tenant in use: what
// the reconciler repairs itself is printed, what is repaired on request is as
// provisioning has made it, and the rest says what is missing.
func TestABadRestore(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.start()
	i.pausesReconciler()
	o := i.create("Charité")
	active := i.becomesActive(o)
	require.Empty(t, i.reconciles())
	only := func(kind string) finding {
		t.Helper()
		open := i.reconciles()
		require.Len(t, open, 1)
		require.Equal(t, kind, open[0].Kind)
		return open[0]
	}

	i.execute(`UPDATE tenants SET contract_id = NULL WHERE id = $1`, active.ID)
	open, repaired := i.reconcilesAndTells()
	require.Empty(t, open)
	require.Len(t, repaired, 1)
	require.Equal(t, "contract-unknown", repaired[0].Kind)
	require.Equal(t, active.ContractID, i.tenant(active.ID).ContractID)
	i.execute(`UPDATE tenants SET contract_id = NULL WHERE id = $1`, active.ID)
	require.Contains(t, i.output("reconcile"), "repaired by the reconciler itself")

	login := value[string](i, `SELECT app_login FROM tenants WHERE id = $1`, active.ID)
	for kind, broken := range map[string]string{
		"role-not-granted": fmt.Sprintf(`REVOKE %q FROM %q`, active.RoleName, login),
		"grants-missing":   fmt.Sprintf(`REVOKE ALL ON %q.users FROM %q`, active.SchemaName, active.RoleName),
		"status-differs":   `UPDATE tenants SET status = 'PROVISIONING'`,
	} {
		i.execute(broken)
		f := only(kind)
		require.Contains(t, i.output("reconcile", "--repair", f.ID, "--yes", "--reason", "a test"), "repaired")
		require.Empty(t, i.reconciles(), kind)
	}

	i.execute(fmt.Sprintf(`DROP TABLE %q.users`, active.SchemaName))
	f := only("schema-incomplete")
	require.Contains(t, f.Detail, "table users")
	require.Equal(t, 2, i.answered("reconcile", "--repair", f.ID, "--yes").wait(), "nothing repairs it by itself")
}

// TestWhatTheLedgerSaysOtherwise: a contract that it does not have, and one that
// a rollback should have ended.
func TestWhatTheLedgerSaysOtherwise(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.start()
	i.pausesReconciler()
	elsewhere, left := i.becomesActive(i.create("Charité")), i.becomesActive(i.create("Necker"))
	unknown, err := strkey.Encode(strkey.VersionByteContract, make([]byte, 32))
	require.NoError(t, err)
	i.execute(`UPDATE stellar_transactions SET contract_id = $2 WHERE tenant_id = $1`, elsewhere.ID, unknown)
	i.execute(`UPDATE tenants SET contract_id = $2 WHERE id = $1`, elsewhere.ID, unknown)
	i.execute(`UPDATE operations SET state = 'ROLLED_BACK', pivot_passed = false WHERE tenant_id = $1`, left.ID)
	i.execute(`UPDATE tenants SET status = 'FAILED', contract_id = NULL, activated_at = NULL WHERE id = $1`, left.ID)
	found := map[string]finding{}
	for _, f := range i.reconciles() {
		found[f.Kind] = f
	}
	require.Len(t, found, 3)
	require.Equal(t, unknown, found["active-without-contract"].Subject)
	require.Equal(t, left.ContractID, found["failed-with-contract"].Subject)
	require.Equal(t, left.SchemaName, found["failed-with-schema"].Subject)
	for _, kind := range []string{"failed-with-contract", "failed-with-schema"} {
		require.Contains(t, i.output("reconcile", "--repair", found[kind].ID, "--yes"), "repaired")
	}
	require.Zero(t, value[int](i, `SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = $1) + (SELECT count(*) FROM pg_roles WHERE rolname = $1)`, left.SchemaName))
	require.Len(t, i.reconciles(), 1)
}

// pausesReconciler leaves the test alone with its rounds: the one that is due
// every five minutes may find and repair the same at the same moment.
func (i *installation) pausesReconciler() {
	i.t.Helper()
	schedule := i.temporal().ScheduleClient().GetHandle(i.t.Context(), "tenant-reconcile")
	require.NoError(i.t, i.asksTemporal(func() error { return schedule.Pause(i.t.Context(), sdk.SchedulePauseOptions{Note: "a test"}) }))
}

// TestTooMuchToFind of one kind, as after a restore without schemas and roles:
// what is safe to repair is repaired all the same, and what does not fit into a
// round is not called gone.
func TestTooMuchToFind(t *testing.T) {
	t.Parallel()
	i := install(t, impatient)
	i.pausesReconciler()
	restore := func(from, to int) {
		i.execute(`INSERT INTO tenants (id, name, name_key, slug, schema_name, role_name, app_login, status, admin_email, admin_first_name, admin_last_name, tier, region)
			SELECT ('01a00000-0000-7000-8000-' || lpad((100000 - g)::text, 12, '0'))::uuid, n, n AS key, n AS slug, n AS schema, n AS role, n AS login, 'ACTIVE', '', '', '', '', ''
			FROM (SELECT g, 'restored_' || g AS n FROM generate_series($1::int, $2) g) restored`, from, to)
	}
	o := i.parksBeforeThePivot()
	i.rpc.heal()
	i.terminate(o)
	restore(1, 1000)
	i.reconciles()
	i.isRolledBack(o, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED)
	require.Equal(t, 1, value[int](i, `SELECT count(*) FROM audit_log WHERE action = 'finding-repaired' AND actor = 'reconciler' AND NOT actor_claimed`))

	restore(1001, 1100)
	i.execute(`UPDATE tenants SET version = version + 1 WHERE id > '01a00000-0000-7000-8000-000000098999'`) // those of before come last
	i.reconciles()
	require.Zero(t, value[int](i, `SELECT count(*) FROM findings WHERE state = 'gone'`))
}

// TestACopyOnTheSameServer: the rollback of the original ends all the same, what
// is left says where it is held, and goes with the copy. Nothing works on the
// copy itself.
func TestACopyOnTheSameServer(t *testing.T) {
	t.Parallel()
	i := install(t, impatient)
	o := i.parksBeforeThePivot()
	staging := postgrestest.Copy(t, i.config)
	i.actUntilAccepted(o.ID, "rollback")
	i.reaches(o.ID, "ROLLED_BACK")
	left := i.reconciles()
	require.Len(t, left, 1)
	require.Equal(t, "failed-with-role", left[0].Kind)
	require.Contains(t, left[0].Detail, staging.Database)

	copied := i.with(map[string]string{"DB_NAME": staging.Database, "TEMPORAL_NAMESPACE": staging.Database})
	p := copied.starter("reconcile")
	require.NotZero(t, p.wait())
	require.Contains(t, p.stderr.String(), "is a copy of the database "+i.config.Database)
	worker := copied.startWorker()
	eventually(t, "the worker says why it does nothing", func() bool {
		return strings.Contains(worker.stdout.String()+worker.stderr.String(), "is a copy of the database "+i.config.Database)
	})

	worker.kill()
	postgrestest.Drop(t, staging)
	require.Empty(t, i.reconciles())
	i.requireNothingOf(i.tenant(o.TenantID))
}
