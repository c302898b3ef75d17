package tenant_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

func TestPlanFollowsTheWayForward(t *testing.T) {
	t.Parallel()
	subject := tenant.Tenant{Schema: "t_x", Role: "t_x"}
	done := func(steps ...tenant.Step) (logs []tenant.LogEntry) {
		for _, s := range steps {
			logs = append(logs, tenant.LogEntry{Step: s, Status: tenant.StepCompleted})
		}
		return logs
	}
	schema := []tenant.Step{tenant.StepCreateTenantRecord, tenant.StepCreateSchema, tenant.StepRunMigrations, tenant.StepSeedRolesAndUser}
	for name, c := range map[string]struct {
		state tenant.State
		logs  []tenant.LogEntry
		want  []string
	}{
		"nothing done":                {tenant.StatePending, done(tenant.StepCreateTenantRecord), []string{tenant.UndoRecord}},
		"the schema is being made":    {tenant.StateRunning, done(tenant.StepCreateTenantRecord), []string{tenant.UndoSchema, tenant.UndoRecord}},
		"the schema failed":           {tenant.StateNeedsAttention, []tenant.LogEntry{{Step: tenant.StepCreateSchema, Status: tenant.StepFailed}}, []string{tenant.UndoSchema, tenant.UndoRecord}},
		"the schema is there":         {tenant.StateRunning, done(schema...), []string{tenant.UndoContract, tenant.UndoSchema, tenant.UndoRecord}},
		"the contract is being made":  {tenant.StateRunning, append(done(schema...), tenant.LogEntry{Step: tenant.StepDeployContract, Status: tenant.StepInProgress}), []string{tenant.UndoContract, tenant.UndoSchema, tenant.UndoRecord}},
		"the contract failed":         {tenant.StateNeedsAttention, append(done(schema...), tenant.LogEntry{Step: tenant.StepDeployContract, Status: tenant.StepFailed}), []string{tenant.UndoContract, tenant.UndoSchema, tenant.UndoRecord}},
		"the contract's id is stored": {tenant.StateRunning, done(append(schema, tenant.StepDeployContract, tenant.StepStoreContract)...), []string{tenant.UndoContract, tenant.UndoSchema, tenant.UndoRecord}},
	} {
		o := tenant.Operation{ID: "o", Kind: tenant.KindProvision, Generation: 1, State: c.state}
		p := tenant.PlanRollback(subject, o, c.logs)
		names := make([]string, len(p.Steps))
		for i, s := range p.Steps {
			names[i] = s.Name
			require.NotEmpty(t, s.Does)
			require.Equal(t, s.Name != tenant.UndoContract, s.Reversible, "%s: what is on the ledger stays", name)
		}
		require.Equal(t, c.want, names, name)
		require.Equal(t, tenant.PlanHash("o", 1, names[:len(names)-1]), p.Hash, "%s: a run that has these undos has the same hash", name)
		require.NotEqual(t, tenant.PlanHash("o", 2, names[:len(names)-1]), p.Hash, "another generation is another plan")
	}
}

func TestPlanHashTellsPlansApart(t *testing.T) {
	t.Parallel()
	hashes := map[string]bool{}
	for _, undos := range [][]string{nil, {tenant.UndoSchema}, {tenant.UndoContract}, {tenant.UndoContract, tenant.UndoSchema}, {tenant.UndoSchema, tenant.UndoContract}} {
		hashes[tenant.PlanHash("o", 1, undos)] = true
	}
	require.Len(t, hashes, 5)
}
