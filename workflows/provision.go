package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows/saga"
)

// ProvisionTenant makes a tenant's schema, deploys its contract, marks it
// active and sends the welcome mail. Before the tenant is active, a step that
// cannot succeed, a rollback or a cancel undoes everything, newest first; from
// then on nothing is undone, and only the mail can be given up.
//
// It closes as completed when the operation has succeeded (or belongs to
// another run), as failed when it was rolled back, and as canceled when a
// cancel rolled it back.
func ProvisionTenant(ctx workflow.Context, in ProvisionInput) error {
	r, err := newRun(ctx, in)
	if err != nil {
		return err
	}
	claim, err := r.claim(ctx)
	if err != nil {
		return err
	}
	if !claim.Claimed {
		r.log.Info("nothing to do: the operation is closed or belongs to another run")
		return nil
	}
	err = r.end(ctx, r.goOn(ctx, claim))
	return r.settle(ctx, err)
}

// The activities, for their names and signatures alone.
var (
	schemaActivities     *activities.Schema
	contractActivities   *activities.Contract
	activationActivities *activities.Activation
	emailActivities      *activities.Email
	operationActivities  *activities.Operation
)

// step is one activity of the provisioning and how it is undone.
type step struct {
	name    string
	summary string
	profile profile
	do      any
	// fails is the step that a failure is put down to when no attempt could
	// say.
	fails tenant.Step
	// undo is nil for what can't or needn't be undone.
	undo        any
	undoSummary string
	// pivot tells that nothing is undone once this step is done.
	pivot bool
}

// provisionSteps is the whole provisioning, in order.
func provisionSteps() []step {
	return []step{
		{
			name: "CreateSchema", summary: "create schema, role, tables and first administrator", profile: databaseProfile,
			do: schemaActivities.CreateSchema, fails: tenant.StepCreateSchema,
			undo: schemaActivities.DropSchema, undoSummary: tenant.UndoSchema,
		},
		{
			name: "DeployContract", summary: "deploy the contract and store its address", profile: contractProfile,
			do: contractActivities.DeployContract, fails: tenant.StepDeployContract,
			undo: contractActivities.TerminateContract, undoSummary: tenant.UndoContract,
		},
		{
			name: "MarkActive", summary: "mark the tenant active", profile: databaseProfile,
			do: activationActivities.MarkActive, fails: tenant.StepMarkActive, pivot: true,
		},
		{
			name: "SendWelcomeEmail", summary: "send the welcome mail and end the operation", profile: emailProfile,
			do: emailActivities.SendWelcomeEmail, fails: tenant.StepSendWelcomeEmail,
		},
	}
}

// run is one execution of the workflow: what it knows and where it is.
type run struct {
	in    ProvisionInput
	log   log.Logger
	steps []step
	// progress runs beside steps: what the status query and the Web UI show.
	progress []StepState
	undos    saga.Stack

	state tenant.State
	// heading is the state that is being written, while it is.
	heading     tenant.State
	pivotPassed bool
	failure     activities.StepFailure
	class       tenant.FailureClass
	status      Status
	// waiting is the incident that is being waited for; nil while none is.
	waiting *tenant.WaitingFor

	intent  *intent
	decided map[string]verdict
	// idsAreShared tells that the run began, and was asked with an id of somebody
	// else, before such ids were told apart.
	idsAreShared func() bool
	audits       []tenant.AuditEntry
	// refused is the last request that was refused; nil while none was.
	refused *Refusal
	// now is the workflow's time.
	now func() time.Time
	// requests counts what was asked for, accepted or not, and kept how many of
	// these are known to be in the history.
	requests, kept int
	// strayed tells that the run has left the happy path, so that its search
	// attributes must be kept up.
	strayed bool
}

func newRun(ctx workflow.Context, in ProvisionInput) (*run, error) {
	r := &run{
		in:      in,
		log:     log.With(workflow.GetLogger(ctx), "tenant", in.Tenant, "operation", in.Operation),
		steps:   provisionSteps(),
		state:   tenant.StateRunning,
		decided: map[string]verdict{},
	}
	for _, s := range r.steps {
		r.progress = append(r.progress, StepState{Name: s.name})
	}
	if err := r.handleActions(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// fence is what an attempt must still hold when it commits.
func (r *run) fence(ctx workflow.Context, state tenant.State) tenant.Fence {
	return tenant.Fence{
		Operation: r.in.Operation, Tenant: r.in.Tenant, Generation: r.in.Generation,
		// The original run id outlives a reset, so that a run that was reset
		// goes on with the operation that it has claimed.
		Run:   workflow.GetInfo(ctx).OriginalRunID,
		State: state,
	}
}

// How a run's way forward can end, beside success.
var (
	errRollback   = errors.New("rolled back by a person")
	errCancelled  = errors.New("rolled back by a cancel")
	errDeadline   = errors.New("rolled back: nobody decided before the deadline")
	errGivenUp    = errors.New("the failed step was given up")
	errSuperseded = errors.New("the operation has gone on without this run")
	errPermanent  = errors.New("a step cannot succeed")
)

// forward does the steps in order, from the first that is to be done.
func (r *run) forward(ctx workflow.Context, first int) error {
	for i := first; i < len(r.steps); i++ {
		s := r.steps[i]
		if s.undo != nil {
			r.undos.Push(r.undoOf(s)) // before the step: one that fails half-way is undone too
		}
		if err := r.complete(ctx, i); err != nil {
			return err
		}
		if s.pivot {
			r.pivotPassed = true
			r.undos = saga.Stack{}
			r.dropIntent("the tenant became active before it was acted on")
		}
		if r.wantsRollback() { // accepted while a step was done that could not be stopped
			return errRollback
		}
	}
	return nil
}

// complete does one step, and parks for as long as it fails and a person may
// still decide.
func (r *run) complete(ctx workflow.Context, i int) error {
	for {
		r.show(ctx, i, "running")
		err := r.attempt(ctx, i)
		if err == nil {
			r.show(ctx, i, "done")
			return nil
		}
		if activities.Superseded(err) {
			return errSuperseded
		}
		outcome := r.stopped(ctx, i, err)
		r.show(ctx, i, "failed")
		if outcome == nil {
			outcome = r.park(ctx)
		}
		if errors.Is(outcome, errGivenUp) {
			r.show(ctx, i, "skipped")
		}
		if outcome != nil {
			return outcome
		}
	}
}

// stopped notes why a step has failed, and how the run's way forward ends by
// it; nil when it is for a person to decide.
func (r *run) stopped(ctx workflow.Context, i int, err error) error {
	s := r.steps[i]
	switch {
	case r.wantsRollback():
		r.failure = activities.StepFailure{Step: s.fails}
		r.explainRollback(errRollback)
		return errRollback
	case ctx.Err() != nil:
		r.failure = activities.StepFailure{Step: s.fails}
		r.explainRollback(errCancelled)
		if r.pivotPassed {
			return errGivenUp
		}
		return errCancelled
	}
	r.failWith(i, err)
	if r.failure.Permanent && !r.pivotPassed {
		return errPermanent
	}
	return nil
}

// try tries a step: once, locally and briefly where that is worth it, then as a
// plain activity for as long as its budget lasts.
func (r *run) try(ctx workflow.Context, i int) error {
	s := r.steps[i]
	fence, budget := r.fence(ctx, tenant.StateRunning), s.profile.budget(r.in.RetryBudget)
	if s.profile.local {
		err := workflow.ExecuteLocalActivity(workflow.WithLocalActivityOptions(ctx, s.profile.first(s.summary)), s.do, fence, budget).Get(ctx, nil)
		if err == nil || ctx.Err() != nil || final(err) {
			return err
		}
		r.progress[i].Attempts++
	}
	return r.execute(ctx, s.profile.plain(r.in.Queues, budget, s.summary), s.do, fence, budget)
}

// execute runs a plain activity, which a rollback ends.
func (r *run) execute(ctx workflow.Context, options workflow.ActivityOptions, activity any, args ...any) error {
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	future := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activity, args...)
	if err := workflow.Await(ctx, func() bool { return future.IsReady() || r.wantsRollback() }); err == nil && !future.IsReady() {
		cancel() // a rollback must not undo what is still being done: it waits
	}
	settled, done := workflow.NewDisconnectedContext(ctx)
	defer done()
	return future.Get(settled, nil)
}

// final reports an error that another attempt cannot change.
func final(err error) bool {
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return app.NonRetryable()
	}
	return false
}

// failWith notes what stands in the way.
func (r *run) failWith(i int, err error) {
	f, explained := activities.Failure(err)
	if !explained {
		f = activities.StepFailure{
			Step:   r.steps[i].fails,
			Reason: "no attempt came to an end in time; check that the workers run and that what the step needs answers",
		}
	}
	r.progress[i].Attempts += max(f.Attempt, 1)
	f.Attempt = r.progress[i].Attempts
	r.failure, r.class = f, f.Class
	if r.class == "" {
		r.class = tenant.ClassExhausted
	}
	r.log.Warn("step failed", "step", f.Step, "class", r.class, "reason", f.Reason)
}
