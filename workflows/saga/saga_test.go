package saga_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/workflows/saga"
)

// inWorkflow runs f as a workflow. when is called with the environment before.
func inWorkflow(t *testing.T, f func(workflow.Context) error, when func(*testsuite.TestWorkflowEnvironment)) error {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(time.Minute)
	env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute})
	if when != nil {
		when(env)
	}
	env.ExecuteWorkflow(f)
	require.True(t, env.IsWorkflowCompleted())
	return env.GetWorkflowError()
}

// undos makes a stack of undos that note their names; those in broken fail.
func undos(done *[]string, broken map[string]error, names ...string) *saga.Stack {
	s := &saga.Stack{}
	for _, name := range names {
		s.Push(saga.Undo{Name: name, Run: func(workflow.Context) error {
			*done = append(*done, name)
			return broken[name]
		}})
	}
	return s
}

func TestNewestFirst(t *testing.T) {
	t.Parallel()
	var done []string
	s := undos(&done, nil, "schema", "contract", "mail")
	require.Equal(t, []string{"mail", "contract", "schema"}, s.Names())
	require.Equal(t, 3, s.Len())
	require.NoError(t, inWorkflow(t, func(ctx workflow.Context) error {
		require.Empty(t, s.Unwind(ctx))
		require.Zero(t, s.Len())
		require.Empty(t, s.Unwind(ctx), "nothing is undone twice")
		return nil
	}, nil))
	require.Equal(t, []string{"mail", "contract", "schema"}, done)
}

// TestAFailingUndoHoldsUpNoOther: it stays on the stack, in its place, and is
// all that the next round does.
func TestAFailingUndoHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	broken := map[string]error{"b": errors.New("b is stuck"), "d": errors.New("d is stuck")}
	var done []string
	s := undos(&done, broken, "a", "b", "c", "d")
	require.NoError(t, inWorkflow(t, func(ctx workflow.Context) error {
		require.Equal(t, []saga.Failure{{Name: "d", Err: broken["d"]}, {Name: "b", Err: broken["b"]}}, s.Unwind(ctx))
		require.Equal(t, []string{"d", "c", "b", "a"}, done)
		require.Equal(t, []string{"d", "b"}, s.Names())

		done = nil
		delete(broken, "d")
		require.Len(t, s.Unwind(ctx), 1)
		require.Equal(t, []string{"d", "b"}, done)
		require.Equal(t, []string{"b"}, s.Names())

		delete(broken, "b")
		require.Empty(t, s.Unwind(ctx))
		require.Zero(t, s.Len())
		return nil
	}, nil))
}

func TestDrop(t *testing.T) {
	t.Parallel()
	var done []string
	s := undos(&done, nil, "a", "b", "c")
	s.Drop("b")
	s.Drop("never pushed")
	require.Equal(t, []string{"c", "a"}, s.Names())
	require.NoError(t, inWorkflow(t, func(ctx workflow.Context) error {
		require.Empty(t, s.Unwind(ctx))
		return nil
	}, nil))
	require.Equal(t, []string{"c", "a"}, done)
}

func TestAnEmptyStack(t *testing.T) {
	t.Parallel()
	var s saga.Stack
	require.Equal(t, []string{}, s.Names())
	require.Zero(t, s.Len())
	s.Drop("nothing")
	require.NoError(t, inWorkflow(t, func(ctx workflow.Context) error {
		require.Empty(t, s.Unwind(ctx))
		return nil
	}, nil))
}

// TestACancelReachesNoUndo: neither one that came before, nor one that comes
// while an undo waits.
func TestACancelReachesNoUndo(t *testing.T) {
	t.Parallel()
	for when, after := range map[string]time.Duration{"before": time.Second, "while an undo waits": time.Minute + time.Second} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			var undone []string
			err := inWorkflow(t, func(ctx workflow.Context) error {
				var s saga.Stack
				for _, name := range []string{"first", "second"} {
					s.Push(saga.Undo{Name: name, Run: func(ctx workflow.Context) error {
						if err := workflow.Sleep(ctx, time.Hour); err != nil {
							return err
						}
						undone = append(undone, name)
						return ctx.Err()
					}})
				}
				wait, cancel := workflow.NewDisconnectedContext(ctx)
				defer cancel()
				if err := workflow.Sleep(wait, time.Minute); err != nil {
					return err
				}
				require.Empty(t, s.Unwind(ctx))
				return ctx.Err()
			}, func(env *testsuite.TestWorkflowEnvironment) {
				env.RegisterDelayedCallback(env.CancelWorkflow, after)
			})
			require.ErrorContains(t, err, "canceled", "the cancel did arrive")
			require.Equal(t, []string{"second", "first"}, undone)
		})
	}
}
