package activities_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/tenant"
)

// attempt is what the log calls an attempt.
const attempt tenant.AttemptID = 7

// chain is the database and the ledger of the contract's step.
type chain struct {
	store
	stored     string
	beginErr   error
	deployErr  error
	storeErr   error
	completed  tenant.AttemptID
	terminated time.Duration
}

func (c *chain) BeginDeployment(ctx context.Context, _ tenant.Fence) (tenant.AttemptID, string, error) {
	_ = c.call(ctx, "BeginContract")
	return attempt, c.stored, c.beginErr
}

func (c *chain) CompleteDeployment(ctx context.Context, _ tenant.Fence, of tenant.AttemptID, id string) error {
	_ = c.call(ctx, "StoreContract")
	c.completed = of
	c.stored = id
	return c.storeErr
}

func (c *chain) Terminated(ctx context.Context, _ tenant.Fence, took time.Duration) error {
	c.terminated = took
	return c.call(ctx, "ContractTerminated")
}

func (c *chain) Deploy(ctx context.Context, _ tenant.Fence, progress func(string)) (string, error) {
	progress("waiting for ledger 7")
	_ = c.call(ctx, "Deploy")
	return "CADDRESS", c.deployErr
}

func (c *chain) Terminate(ctx context.Context, _ tenant.Fence, progress func(string)) error {
	progress("waiting for ledger 8")
	_ = c.call(ctx, "Terminate")
	return c.deployErr
}

func (c *chain) TerminateAll(ctx context.Context, _ tenant.Fence, id string, _ func(string)) error {
	_ = c.call(ctx, "TerminateAll "+id)
	return c.deployErr
}

func TestAContractIsDeployedAndStored(t *testing.T) {
	t.Parallel()
	c := &chain{}
	a := &activities.Contract{Store: c, Ledger: c, Failures: c}
	_, err := run(t, a, a.DeployContract, fence)
	require.NoError(t, err)
	require.Equal(t, []string{"BeginContract", "Deploy", "StoreContract"}, c.calls)
	require.Equal(t, "CADDRESS", c.stored)
	require.Equal(t, attempt, c.completed)

	c.calls = nil
	_, err = run(t, a, a.DeployContract, fence)
	require.NoError(t, err)
	require.Equal(t, []string{"BeginContract"}, c.calls, "what is stored is not deployed again")
}

func TestTheLedgerIsLeftAloneByALateAttempt(t *testing.T) {
	t.Parallel()
	c := &chain{beginErr: tenant.ErrSuperseded}
	a := &activities.Contract{Store: c, Ledger: c, Failures: c}
	_, err := run(t, a, a.DeployContract, fence)
	require.True(t, activities.Superseded(err))
	require.Equal(t, []string{"BeginContract"}, c.calls)
}

// TestWhichOfTheTwoStepsFailed: the activity covers the deployment and the
// storing of the address.
func TestWhichOfTheTwoStepsFailed(t *testing.T) {
	t.Parallel()
	c := &chain{deployErr: &tenant.StepError{Reason: "no balance", Class: tenant.ClassCapacity}}
	a := &activities.Contract{Store: c, Ledger: c, Failures: c}
	_, err := run(t, a, a.DeployContract, fence)
	require.Equal(t, activities.StepFailure{Step: tenant.StepDeployContract, Class: tenant.ClassCapacity, Reason: "no balance"}, failure(t, err))
	require.Equal(t, []string{"BeginContract", "Deploy"}, c.calls)
	require.Equal(t, attempt, c.failures[0].Attempt)

	c = &chain{storeErr: &tenant.StepError{Step: tenant.StepStoreContract, Reason: "the database is away"}}
	a = &activities.Contract{Store: c, Ledger: c, Failures: c}
	_, err = run(t, a, a.DeployContract, fence)
	require.Equal(t, tenant.StepStoreContract, failure(t, err).Step)
	require.Equal(t, tenant.StepStoreContract, c.failures[0].Step)
}

func TestAContractIsTerminated(t *testing.T) {
	t.Parallel()
	c := &chain{}
	c.do = slowly(nil)
	a := &activities.Contract{Store: c, Ledger: c, Failures: c}
	_, err := run(t, a, a.TerminateContract, fence)
	require.NoError(t, err)
	require.Equal(t, []string{"Terminate", "ContractTerminated"}, c.calls)
	require.GreaterOrEqual(t, c.terminated, took)

	c = &chain{deployErr: errors.New("the RPC is away")}
	a = &activities.Contract{Store: c, Ledger: c, Failures: c}
	_, err = run(t, a, a.TerminateContract, fence)
	require.True(t, retried(t, err))
	require.Equal(t, []string{"Terminate"}, c.calls, "it is not said to have ended")
}

// TestTheLedgerIsWaitedForAudibly: heartbeats tell what for, and keep a lost
// worker from being waited for.
func TestTheLedgerIsWaitedForAudibly(t *testing.T) {
	t.Parallel()
	c := &chain{}
	a := &activities.Contract{Store: c, Ledger: c, Failures: c}
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	heard := make(chan string, 2)
	env.SetOnActivityHeartbeatListener(heartbeats(heard))
	env.RegisterActivity(a)
	_, err := env.ExecuteActivity(a.DeployContract, fence, activities.Budget{})
	require.NoError(t, err)
	require.Equal(t, "waiting for ledger 7", <-heard)
}
