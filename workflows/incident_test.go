package workflows_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"

	"tenant-provisioning/internal/tenant"
)

// stops has the calls of one name fail and open an incident, which is over
// after a while; then is what happens in the middle of that, when the run has
// begun to wait however slow the machine is.
func stops(call string, lasts time.Duration, then ...reaction) func(*running) {
	return func(r *running) {
		with(fault{call: call, times: 1, before: func(ctx context.Context) error {
			r.incident(true)
			r.env.RegisterDelayedCallback(func() { r.incident(false) }, lasts)
			for _, do := range then {
				r.env.RegisterDelayedCallback(func() { do(r) }, lasts/3)
			}
			return transient(ctx)
		}})(r)
	}
}

// incident opens or closes one.
func (r *running) incident(open bool) {
	r.model.mu.Lock()
	defer r.model.mu.Unlock()
	r.model.incident = tenant.Incident{}
	if open {
		r.model.incident = tenant.Incident{ID: 3, Dependency: tenant.DependencyLedger, Cause: "the Stellar RPC server does not answer"}
	}
}

// incidentLasts is short enough for the test environment, which repeats nothing
// more than ten times.
const incidentLasts = 45 * time.Second

// calls of each step before which it may be waited.
var stoppable = []string{"CreateSchema", "Send", "MarkActive", "SendEmail"}

// TestAnIncidentIsWaitedFor: longer than any budget, and nothing parks.
func TestAnIncidentIsWaitedFor(t *testing.T) {
	t.Parallel()
	for _, call := range stoppable {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			r := newRunning(t)
			var seen []string
			var waiting *tenant.WaitingFor
			var shown string
			stops(call, incidentLasts, func(r *running) {
				waiting, shown = r.status(t).WaitingFor, r.details(t)
				for _, s := range r.status(t).Steps {
					seen = append(seen, s.State)
				}
			})(r)
			in := r.input()
			in.RetryBudget = incidentLasts * 2 / 3
			requireWhole(t, r, r.runOn(t, in))
			require.Equal(t, tenant.StateSucceeded, r.model.operation.State, "%v", r.model.calls)
			require.Contains(t, seen, "waits for incident 3 of the ledger: the Stellar RPC server does not answer")
			require.NotContains(t, r.model.calls, "Move NEEDS_ATTENTION")
			require.NotNil(t, waiting)
			require.Equal(t, int64(3), waiting.IncidentID)
			require.False(t, waiting.Since.IsZero())
			require.False(t, waiting.ActionNeeded)
			require.Contains(t, waiting.Message, "nobody need act")
			require.Contains(t, shown, "It "+waiting.Message)
			require.Nil(t, r.status(t).WaitingFor, "it is over")
			for _, s := range r.status(t).Steps {
				require.Equal(t, "done", s.State, s.Name)
			}
		})
	}
}

// TestWhoWaitsForAnIncidentCanBeStopped at once, by a rollback or a cancel.
func TestWhoWaitsForAnIncidentCanBeStopped(t *testing.T) {
	t.Parallel()
	for how, stop := range map[string]reaction{
		"rollback": update(tenant.ActionRollback),
		"cancel":   func(r *running) { r.env.CancelWorkflow() },
	} {
		for _, call := range stoppable {
			t.Run(how+" before "+call, func(t *testing.T) {
				t.Parallel()
				r := newRunning(t)
				stops(call, incidentLasts, stop)(r)
				began := r.env.Now()
				requireWhole(t, r, r.run(t))
				if call != "SendEmail" {
					require.Equal(t, tenant.StateRolledBack, r.model.operation.State)
				}
				if call != "SendEmail" || how == "cancel" {
					require.Less(t, r.env.Now().Sub(began), incidentLasts, "it has not waited")
				}
			})
		}
	}
}

// TestAnAttemptThatHangsWaitsToo: it ends early enough to be told, with its
// budget, that it met an incident. On the real server, which keeps the time.
func TestAnAttemptThatHangsWaitsToo(t *testing.T) {
	t.Parallel()
	s := newServed(t)
	s.input.RetryBudget = 20 * time.Second // less than any attempt may last
	over := func(ctx context.Context, s *served) error {
		if err := s.awaitStep(ctx, "waits for incident 3"); err != nil {
			return err
		}
		s.model.mu.Lock()
		defer s.model.mu.Unlock()
		s.model.incident = tenant.Incident{}
		return nil
	}
	s.model.faults = []*fault{{call: "Send", times: 1, before: func(ctx context.Context) error {
		s.model.mu.Lock()
		s.model.incident = tenant.Incident{ID: 3, Dependency: tenant.DependencyLedger, Cause: "the Stellar RPC server does not answer"}
		s.model.mu.Unlock()
		s.do(over)
		alive := time.NewTicker(time.Second)
		defer alive.Stop()
		for {
			select {
			case <-alive.C:
				activity.RecordHeartbeat(ctx, "waiting")
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}}}
	_, err := s.run(t)
	require.NoError(t, err)
	require.Equal(t, tenant.StateSucceeded, s.model.operation.State)
	require.NotContains(t, s.model.calls, "Move NEEDS_ATTENTION")
	require.Empty(t, s.model.wrongs)
}
