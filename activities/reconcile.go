package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"tenant-provisioning/internal/tenant"
)

// FindingStore holds what was found.
type FindingStore interface {
	// Now is the clock by which findings are dated.
	Now(ctx context.Context) (time.Time, error)
	RecordSweep(ctx context.Context, s tenant.Sweep) error
	Find(ctx context.Context, id tenant.FindingID) (tenant.Finding, error)
	// Safe lists open findings whose repair can lose nothing, in the order of
	// their ids.
	Safe(ctx context.Context, after tenant.FindingID, limit int) ([]tenant.Finding, error)
	Resolve(ctx context.Context, f tenant.Finding, to tenant.FindingState, who tenant.Caller, reason string) (bool, error)
}

// Comparer looks at rows and catalog.
type Comparer interface {
	Kinds() []tenant.FindingKind
	// Compare looks for findings of one kind; all is false when there may be
	// more than what it returns.
	Compare(ctx context.Context, kind tenant.FindingKind, grace time.Duration) (found []tenant.Finding, all bool, err error)
	StartedOperations(ctx context.Context, unchanged time.Duration, after tenant.OperationID, limit int) ([]tenant.Operation, error)
	ContractsToCheck(ctx context.Context, round int64, limit int) ([]tenant.ContractCheck, error)
}

// Runs are the workflow executions.
type Runs interface {
	// Look tells what the tenant's latest run is.
	Look(ctx context.Context, o tenant.Operation) (RunState, error)
	// Start starts a run of an operation, whatever became of earlier ones. One
	// that is open already is no error.
	Start(ctx context.Context, o tenant.Operation) error
}

// FleetRuns are the workflows of fleet runs.
type FleetRuns interface {
	// TakeOver has another workflow started for each open run whose own is closed, and
	// tells how many there were.
	TakeOver(ctx context.Context) (int, error)
}

// RunState is what a run of an open operation is.
type RunState string

const (
	// RunOpen goes on.
	RunOpen RunState = "open"
	// RunStopped was terminated or cancelled, or its history is gone.
	RunStopped RunState = "stopped"
	// RunFailed has ended by itself, and has decided nothing about its operation.
	// Nobody wanted that.
	RunFailed RunState = "failed"
)

// Submitter accepts operations that are due.
type Submitter interface {
	// SubmitDue accepts at most so many.
	SubmitDue(ctx context.Context, most int) error
}

// ContractReader asks the ledger.
type ContractReader interface {
	// ContractStatus is what a contract says on the ledger; empty when it is not
	// there.
	ContractStatus(ctx context.Context, contractID string) (tenant.ContractStatus, error)
}

const (
	// DefaultGrace is how long nothing may have happened to an operation
	// before it is looked at: longer than a start takes.
	DefaultGrace = time.Minute
	// pageRows is how many operations or findings are read at a time.
	pageRows = 200
	// contractsPerRound bounds the questions to the ledger in one round: at
	// most half a minute of a server that takes 100 ms for each.
	contractsPerRound = 200
	// duePerRound bounds the purges that one round accepts: a mistake in many grace
	// periods is noticed before it has removed everything.
	duePerRound = 20
	// contractRound is how often other contracts have their turn.
	contractRound = 5 * time.Minute
)

// Reconciler finds what a termination, a restore or a person with psql left,
// and repairs what can be repaired without losing anything. Every part may
// run twice or beside another: findings are the same by kind and subject, and
// repairs look again before they change anything.
type Reconciler struct {
	Findings   FindingStore
	Comparer   Comparer
	Repairs    RepairStore
	Operations OperationReader
	Releaser   Releaser
	Schemas    SchemaStore
	Contracts  ContractStore
	Runs       Runs
	// Fleets may be nil: then nobody takes fleet runs over.
	Fleets    FleetRuns
	Submitter Submitter
	Ledger    ContractReader
	// Terminator ends contracts on request.
	Terminator Ledger
	// Grace is how long nothing may have happened before something counts as
	// left alone; 0 takes DefaultGrace, less than 0 none.
	Grace time.Duration
}

func (a *Reconciler) grace() time.Duration {
	if a.Grace == 0 {
		return DefaultGrace
	}
	return max(a.Grace, 0)
}

// CompareRuns finds open operations whose run is closed or gone, and takes over the
// fleet runs of which that is so: they have nothing to undo.
func (a *Reconciler) CompareRuns(ctx context.Context) error {
	if a.Fleets != nil {
		if _, err := a.Fleets.TakeOver(ctx); err != nil {
			return reconcileError(ctx, err)
		}
	}
	return a.sweep(ctx, []tenant.FindingKind{tenant.FindingRunClosed}, func(s *tenant.Sweep) error {
		for after := tenant.OperationID(""); ; {
			page, err := a.Comparer.StartedOperations(ctx, a.grace(), after, pageRows)
			if err != nil {
				return err
			}
			for _, o := range page {
				after = o.ID
				activity.RecordHeartbeat(ctx, string(o.ID))
				run, err := a.Runs.Look(ctx, o)
				if err != nil {
					return err
				}
				if run != RunOpen {
					s.Found = append(s.Found, runClosed(o, run))
				}
			}
			if len(page) < pageRows {
				return nil
			}
		}
	})
}

func runClosed(o tenant.Operation, run RunState) tenant.Finding {
	has, then := "was terminated or is gone", "undoes everything"
	if o.PivotPassed || o.Lifecycle().FailsClosed && (o.State == tenant.StateRunning || o.State == tenant.StateNeedsAttention) {
		then = "goes on with the steps that are left"
	}
	if run == RunFailed {
		has, then = "has failed without having decided anything", "goes on where it was; the failed run's history says why"
	}
	return tenant.Finding{
		Kind: tenant.FindingRunClosed, Subject: string(o.ID), Tenant: o.TenantID, Operation: o.ID, Safe: true,
		Detail: fmt.Sprintf("the operation is %s, and its run %s", o.State, has),
		Repair: tenant.FindingRunClosed.Repair() + ", which " + then,
	}
}

// CompareDatabase finds what does not fit together in the database and among
// the server's roles. Of a kind that there is too much of, nothing is gone: it
// may be among what was not returned.
func (a *Reconciler) CompareDatabase(ctx context.Context) error {
	return a.sweep(ctx, nil, func(s *tenant.Sweep) error {
		var failed error
		for _, kind := range a.Comparer.Kinds() {
			activity.RecordHeartbeat(ctx, kind)
			found, all, err := a.Comparer.Compare(ctx, kind, a.grace())
			if errors.Is(err, tenant.ErrUnavailable) {
				return errors.Join(failed, err)
			}
			if err != nil { // it does not hold up the others
				failed = errors.Join(failed, err)
				continue
			}
			s.Found = append(s.Found, found...)
			if all {
				s.Kinds = append(s.Kinds, kind)
			}
		}
		return failed
	})
}

// CompareContracts asks the ledger about some of the contracts, others in each
// round.
func (a *Reconciler) CompareContracts(ctx context.Context) error {
	kinds := []tenant.FindingKind{tenant.FindingActiveWithoutContract, tenant.FindingContractStatusDiffers, tenant.FindingFailedWithContract}
	return a.sweep(ctx, kinds, func(s *tenant.Sweep) error {
		s.Subjects = []string{}
		checks, err := a.Comparer.ContractsToCheck(ctx, s.Began.Unix()/int64(contractRound/time.Second), contractsPerRound)
		if err != nil {
			return err
		}
		for _, c := range checks {
			activity.RecordHeartbeat(ctx, c.Contract)
			is, err := a.Ledger.ContractStatus(ctx, c.Contract)
			if err != nil {
				return err
			}
			s.Subjects = append(s.Subjects, c.Contract)
			if f, wrong := wrongContract(c, is); wrong {
				s.Found = append(s.Found, f)
			}
		}
		return nil
	})
}

// wrongContract compares what the ledger says with what the table of kinds has for
// the tenant's status.
func wrongContract(c tenant.ContractCheck, is tenant.ContractStatus) (tenant.Finding, bool) {
	f := tenant.Finding{Subject: c.Contract, Tenant: c.Tenant, Operation: c.Operation}
	ended := is == "" || is == tenant.ContractTerminated
	want := c.Status.Contract()
	switch {
	case want == tenant.ContractTerminated && ended, is == want:
		return f, false
	case want == tenant.ContractTerminated:
		f.Kind, f.Detail = tenant.FindingFailedWithContract, "the tenant is "+string(c.Status)+", and its contract is not ended"
	case ended:
		f.Kind, f.Detail = tenant.FindingActiveWithoutContract, "the tenant is "+string(c.Status)+", and its contract is ended or not on the ledger"
	default:
		f.Kind, f.Detail = tenant.FindingContractStatusDiffers, "the tenant is "+string(c.Status)+", and its contract says on the ledger that it is "+string(is)
	}
	f.Repair = f.Kind.Repair()
	return f, true
}

// SubmitDue accepts purges of tenants whose grace period is over. What was accepted
// before a failure stays so; the rest is due in the next round.
func (a *Reconciler) SubmitDue(ctx context.Context) error {
	return reconcileError(ctx, a.Submitter.SubmitDue(ctx, duePerRound))
}

// sweep looks for findings and records them. What was found before a failure
// is recorded too, and nothing is called gone then.
func (a *Reconciler) sweep(ctx context.Context, kinds []tenant.FindingKind, look func(*tenant.Sweep) error) error {
	began, err := a.Findings.Now(ctx)
	if err != nil {
		return reconcileError(ctx, err)
	}
	s := tenant.Sweep{Began: began, Kinds: kinds}
	failed := look(&s)
	if failed != nil && s.Subjects == nil {
		s.Subjects = []string{}
	}
	return reconcileError(ctx, errors.Join(failed, a.Findings.RecordSweep(ctx, s)))
}

// reconcileError keeps the cause in the worker's log: what leaves may be shown.
func reconcileError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	activity.GetLogger(ctx).Warn("the reconciler could not look at everything", "error", err)
	return classify("", err)
}
