package runner

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows/saga"
)

// Step binds a stage of the kind's row in the table of kinds to the activity that
// does it.
type Step struct {
	Do any
	// Undo is nil where the table has none.
	Undo any
	// Profile says where and for how long both run; UndoProfile, if it is set, says it of
	// Undo.
	Profile, UndoProfile Profile
}

func (s Step) undoProfile() Profile {
	if s.UndoProfile.queue == nil {
		return s.Profile
	}
	return s.UndoProfile
}

// Run does an operation: the stages of its kind's row, in order. Before the
// pivot, a stage that cannot succeed, a rollback or a cancel undoes everything,
// newest first; from then on nothing is undone, and only what is optional can be
// given up. There is a step for each stage of the row.
//
// It returns nil when the operation has succeeded (or belongs to another run),
// an error of type ErrTypeRolledBack when it was rolled back, and one by which
// the run closes as canceled when a cancel rolled it back.
func Run(ctx workflow.Context, in Input, steps []Step) error {
	r, err := newRun(ctx, in, steps)
	if err != nil {
		return err
	}
	claim, err := r.record.claim(ctx)
	if err != nil {
		return err
	}
	if !claim.Claimed {
		r.record.log.Info("nothing to do: the operation is closed or belongs to another run")
		return nil
	}
	err = r.end(ctx, r.goOn(ctx, claim))
	return r.settle(ctx, err)
}

// boundStage is a stage with its activities, and how far it has come.
type boundStage struct {
	tenant.Stage
	Step
	state    string
	attempts int
}

// run is one execution of a workflow.
type run struct {
	in     Input
	kind   tenant.Lifecycle
	stages []boundStage
	record *record
	desk   *desk
	undos  saga.Stack
	// settled are the steps that an earlier run has done or skipped for good.
	settled map[tenant.Step]tenant.StepStatus
	// at is the stage that is being done.
	at int
	// waiting is the incident that is being waited for; nil while none is.
	waiting *tenant.WaitingFor
}

func newRun(ctx workflow.Context, in Input, steps []Step) (*run, error) {
	kind, known := in.kind().Lifecycle()
	if !known || len(steps) != len(kind.Stages) {
		return nil, fmt.Errorf("the workflow has %d steps for an operation of kind %q", len(steps), in.kind())
	}
	r := &run{in: in, kind: kind.Between(in.FromStatus, in.ToStatus)}
	r.kind.Stages = slices.DeleteFunc(r.kind.Stages, func(s tenant.Stage) bool {
		return s.Since != "" && workflow.GetVersion(ctx, s.Since, workflow.DefaultVersion, 1) == workflow.DefaultVersion
	})
	for i, s := range kind.Stages {
		if slices.ContainsFunc(r.kind.Stages, func(has tenant.Stage) bool { return has.Activity == s.Activity }) {
			r.stages = append(r.stages, boundStage{Stage: s, Step: steps[i]})
		}
	}
	r.record = newRecord(ctx, in, r.show)
	r.desk = &desk{record: r.record, plan: r.planHash, answered: map[string]answer{}}
	if err := r.desk.open(ctx); err != nil {
		return nil, err
	}
	workflow.Go(ctx, r.record.writeAudits)
	return r, workflow.SetQueryHandlerWithOptions(ctx, QueryStatus, func() (Status, error) { return r.status(), nil },
		workflow.QueryHandlerOptions{Description: "where the run is, and what may be done"})
}

// How a run's way forward can end, beside success.
var (
	errRollback   = errors.New("rolled back by a person")
	errCancelled  = errors.New("rolled back by a cancel")
	errDeadline   = errors.New("rolled back: nobody decided before the deadline")
	errGivenUp    = errors.New("the steps that are left were given up")
	errSkipped    = errors.New("the failed step was skipped")
	errSuperseded = errors.New("the operation has gone on without this run")
	errPermanent  = errors.New("a step cannot succeed")
)

// wasDone is what has happened when a request comes too late for an operation whose
// last stage is its pivot.
const wasDone = "the operation was done"

// forward does the stages in order, from the first that is to be done.
func (r *run) forward(ctx workflow.Context, first int) error {
	for i := first; i < len(r.stages); i++ {
		s := r.stages[i]
		r.at = i
		if r.isSettled(s) {
			continue
		}
		if s.Pivot && r.desk.wantsRollback() { // accepted before the first stage, which would pass the pivot
			return errRollback
		}
		if s.Stage.Undo != nil {
			r.pushUndo(s) // before the stage: one that fails half-way is undone too
		}
		err := r.doStage(r.reach(ctx, s), i)
		if err != nil && !errors.Is(err, errSkipped) {
			return err
		}
		if s.Pivot {
			r.record.pivotPassed = true
			r.undos = saga.Stack{}
			r.desk.drop(r.passed() + " before it was acted on")
		}
		if r.desk.wantsRollback() { // accepted while a step was done that could not be stopped
			return errRollback
		}
	}
	return nil
}

// isSettled reports that a stage is not to be done again.
func (r *run) isSettled(s boundStage) bool {
	return !slices.ContainsFunc(s.Covers, func(step tenant.Step) bool { return r.settled[step] == "" })
}

// reach is the context of a stage: no cancel reaches one that must be done after
// the pivot.
func (r *run) reach(ctx workflow.Context, s boundStage) workflow.Context {
	if r.record.pivotPassed && !s.Optional {
		ctx, _ = workflow.NewDisconnectedContext(ctx)
	}
	return ctx
}

// passed says what has happened once the pivot is passed.
func (r *run) passed() string {
	if r.in.FromStatus == r.leadsTo() { // its pivot is its last stage, which leaves the tenant as it is
		return wasDone
	}
	return "the tenant became " + strings.ToLower(string(r.leadsTo()))
}

// leadsTo is the tenant's status after the pivot.
func (r *run) leadsTo() tenant.Status { return cmp.Or(r.in.ToStatus, r.kind.Reaches) }

// doStage does one stage, and parks for as long as it fails and a person may
// still decide.
func (r *run) doStage(ctx workflow.Context, i int) error {
	for {
		r.mark(ctx, i, "running")
		err := r.attemptOutsideIncidents(ctx, i)
		if err == nil {
			r.mark(ctx, i, "done")
			return nil
		}
		if activities.Superseded(err) {
			return errSuperseded
		}
		outcome := r.failed(ctx, i, err)
		r.mark(ctx, i, "failed")
		if outcome == nil {
			outcome = r.park(ctx)
		}
		if errors.Is(outcome, errGivenUp) || errors.Is(outcome, errSkipped) {
			r.mark(ctx, i, "skipped")
		}
		if outcome != nil {
			return outcome
		}
	}
}

// failed notes why a stage has failed, and how the run's way forward ends by it;
// nil when it is for a person to decide.
func (r *run) failed(ctx workflow.Context, i int, err error) error {
	first := r.stages[i].Covers[0]
	switch {
	case r.desk.wantsRollback():
		r.record.failure = activities.StepFailure{Step: first}
		r.explainRollback(errRollback)
		return errRollback
	case ctx.Err() != nil:
		r.record.failure = activities.StepFailure{Step: first}
		r.explainRollback(errCancelled)
		if r.record.pivotPassed {
			return r.giveUp(ctx)
		}
		return errCancelled
	}
	r.noteFailure(i, err)
	if to, err := tenant.Next(tenant.StateRunning, r.record.position(), tenant.EventStepFailedForGood); r.record.failure.Permanent && err == nil && to == tenant.StateRollingBack {
		return errPermanent
	}
	return nil
}

// giveUp ends an optional stage that a cancel has stopped. Where steps are left
// that must be done, the operation goes on with these.
func (r *run) giveUp(ctx workflow.Context) error {
	to, err := tenant.Next(r.record.state, r.record.position(), tenant.EventCancel)
	if err != nil || to == tenant.StateSucceeded {
		return cmp.Or(err, errGivenUp)
	}
	if err := r.record.move(ctx, tenant.EventCancel, to, time.Time{}, r.stages[r.at].Covers...); err != nil {
		return err
	}
	return errSkipped
}

// optionalLeft lists the steps that are given up with the present one.
func (r *run) optionalLeft() []tenant.Step {
	var steps []tenant.Step
	for _, s := range r.stages[r.at:] {
		if s.Optional {
			steps = append(steps, s.Covers...)
		}
	}
	return steps
}

// noteFailure keeps what people are told of a failed stage.
func (r *run) noteFailure(i int, err error) {
	f, explained := activities.Failure(err)
	if !explained {
		f = activities.StepFailure{
			Step:   r.stages[i].Covers[0],
			Reason: "no attempt came to an end in time; check that the workers run and that what the step needs answers",
		}
		if late, ok := errors.AsType[*temporal.TimeoutError](err); ok && late.TimeoutType() == enums.TIMEOUT_TYPE_SCHEDULE_TO_START {
			f.Reason = "no worker took the step within " + restoreStart.String() + "; check that one with BACKUP_IDENTITY runs"
		}
	}
	r.stages[i].attempts += max(f.Attempt, 1)
	f.Attempt = r.stages[i].attempts
	r.record.failure, r.record.class = f, f.Class
	if r.record.class == "" {
		r.record.class = tenant.ClassExhausted
	}
	r.record.log.Warn("step failed", "step", f.Step, "class", r.record.class, "reason", f.Reason)
}

// mark notes where a stage is.
func (r *run) mark(ctx workflow.Context, i int, state string) {
	r.stages[i].state = state
	r.show(ctx)
}

// planHash names what a rollback would undo now.
func (r *run) planHash() string {
	return tenant.PlanHash(r.in.Operation, r.in.Generation, r.undos.Names())
}
