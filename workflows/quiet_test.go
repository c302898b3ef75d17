package workflows_test

import (
	"context"
	"maps"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows/runner"
)

// TestTheHappyPathIsCheap: each plain activity and each change of a search
// attribute costs a round of the server, so there is one of the former, for
// what waits for the ledger, and none of the latter.
func TestTheHappyPathIsCheap(t *testing.T) {
	t.Parallel()
	r := newRunning(t)
	requireWhole(t, r, r.run(t))
	require.Equal(t, []string{"DeployContract"}, r.watch.plain)
	require.Equal(t, []string{"ClaimOperation", "CreateSchema", "MarkActive", "SendWelcomeEmail"}, r.watch.local)
	require.Zero(t, r.watch.upserts)
	require.Equal(t, []string{
		"Claim", "CreateSchema", "BeginContract", "Journal", "Send", "StoreContract", "MarkActive",
		"BeginEmail", "SendEmail", "CompleteEmail",
	}, r.model.calls)
}

// TestAFailingStepIsSeen: a step whose local attempt failed goes on as a plain
// activity, on the queue of its kind, and still leaves the attributes alone.
func TestAFailingStepIsSeen(t *testing.T) {
	t.Parallel()
	r := newRunning(t)
	var mu sync.Mutex
	queues := map[string]string{}
	r.env.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
		mu.Lock()
		defer mu.Unlock()
		queues[info.ActivityType.Name] = info.TaskQueue
	})
	for _, call := range []string{"CreateSchema", "Send", "MarkActive", "SendEmail"} {
		with(fault{call: call, times: 2, before: transient})(r)
	}
	requireWhole(t, r, r.run(t))
	require.Equal(t, []string{"CreateSchema", "DeployContract", "MarkActive", "SendWelcomeEmail"}, r.watch.plain)
	require.Equal(t, map[string]string{
		"CreateSchema": "main", "DeployContract": "main-stellar", "MarkActive": "main", "SendWelcomeEmail": "main-email",
	}, queues)
	require.Zero(t, r.watch.upserts)
	require.Equal(t, tenant.StateSucceeded, r.model.operation.State)
}

// TestARunWithoutItsOperationDoesNothing: one that belongs to another run, is
// closed or has gone on to another generation.
func TestARunWithoutItsOperationDoesNothing(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(*tenant.Operation){
		"another run's": func(o *tenant.Operation) { o.State, o.RunID = tenant.StateRunning, "another run" },
		"succeeded":     func(o *tenant.Operation) { o.State, o.RunID = tenant.StateSucceeded, originalRun },
		"rolled back":   func(o *tenant.Operation) { o.State, o.RunID = tenant.StateRolledBack, originalRun },
		"regenerated":   func(o *tenant.Operation) { o.Generation = 2 },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r := newRunning(t)
			change(&r.model.operation)
			before, tenantBefore := r.model.operation, r.model.tenant
			require.NoError(t, r.run(t))
			require.Equal(t, []string{"Claim"}, r.model.calls)
			require.Equal(t, before, r.model.operation)
			require.Equal(t, tenantBefore, r.model.tenant)
			require.Zero(t, r.watch.upserts)
			require.Empty(t, r.watch.plain)
		})
	}
}

// TestASupersededRunEndsQuietly: whose operation is taken from it, at whatever
// call, changes nothing any more and closes as completed.
func TestASupersededRunEndsQuietly(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"CreateSchema", "BeginContract", "Journal", "StoreContract", "MarkActive", "BeginEmail", "Terminate", "DropSchema", "Move ROLLING_BACK", "Move ROLLED_BACK"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			r := newRunning(t)
			if call == "Terminate" || call == "DropSchema" || call == "Move ROLLING_BACK" || call == "Move ROLLED_BACK" {
				with(fault{call: "StoreContract", times: always, before: permanent})(r)
			}
			var taken model
			with(fault{call: call, times: 1, before: func(context.Context) error {
				r.model.mu.Lock()
				defer r.model.mu.Unlock()
				r.model.operation.RunID = "another run"
				taken.operation, taken.tenant, taken.schema, taken.ledger, taken.mails = r.model.operation, r.model.tenant, r.model.schema, r.model.ledger, maps.Clone(r.model.mails)
				return nil
			}})(r)
			err := r.run(t)
			if call == "Terminate" || call == "DropSchema" {
				// The undo is refused; that the run has lost its operation is
				// found when it writes that it is blocked.
				require.Contains(t, r.model.calls, "Move ROLLBACK_BLOCKED")
			}
			require.Equal(t, completed, closing(err))
			require.Equal(t, taken.operation, r.model.operation)
			require.Equal(t, taken.tenant, r.model.tenant)
			require.Equal(t, taken.schema, r.model.schema)
			require.Equal(t, taken.ledger, r.model.ledger)
			require.Equal(t, taken.mails, r.model.mails)
		})
	}
}

// TestTheInputHoldsNothingPersonal: it is stored in clear unless payloads are
// encrypted, and shown in the Web UI.
func TestTheInputHoldsNothingPersonal(t *testing.T) {
	t.Parallel()
	r := newRunning(t)
	payload, err := converter.GetDefaultDataConverter().ToPayload(r.input())
	require.NoError(t, err)
	require.NotContains(t, string(payload.GetData()), "ada")
	require.NotContains(t, string(payload.GetData()), "hospital")
	require.Equal(t, runner.Queues{Main: "q", Stellar: "q-stellar", Email: "q-email"}, runner.QueuesOf("q"))
}
