package operations

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows"
)

// reconcileWait is how long a caller waits for a round, which a worker does.
const reconcileWait = 2 * time.Minute

// Reconcile compares everything at once, repairs what is safe and lists what
// is open then, and what was repaired meanwhile. The workers do it, with their
// settings.
//
// Errors: tenant.ErrUnavailable, tenant.ErrNoWorker.
func (s *Service) Reconcile(ctx context.Context, who tenant.Caller) (tenant.Reconciliation, error) {
	entry := tenant.AuditEntry{Actor: who.Actor, Claimed: who.Claimed, Action: "reconcile", Outcome: tenant.OutcomeAccepted}
	nobody := s.someoneWorks(ctx)
	switch {
	case errors.Is(nobody, tenant.ErrNoWorker):
		entry.Outcome, entry.Detail = tenant.OutcomeRefused, nobody.Error()
	case nobody != nil: // nobody knows whether somebody works
		return tenant.Reconciliation{}, nobody
	}
	if err := s.config.Audit.Append(ctx, entry); err != nil {
		return tenant.Reconciliation{}, err
	}
	if nobody != nil {
		return tenant.Reconciliation{}, nobody
	}
	began, err := s.config.Findings.Now(ctx)
	if err != nil {
		return tenant.Reconciliation{}, err
	}
	report, err := s.reconcile(ctx, workflows.ReconcileInput{})
	if err != nil {
		return tenant.Reconciliation{}, err
	}
	r := tenant.Reconciliation{Incomplete: report.Incomplete}
	if r.Repaired, err = s.config.Findings.RepairedSince(ctx, began); err != nil {
		return tenant.Reconciliation{}, err
	}
	r.Open, err = s.config.Findings.Open(ctx)
	return r, err
}

// Finding reads one finding.
func (s *Service) Finding(ctx context.Context, id tenant.FindingID) (tenant.Finding, error) {
	return s.config.Findings.Find(ctx, id)
}

// Repair repairs one open finding, and returns what has become of it. It is
// audited with its outcome.
//
// Errors: tenant.ErrNotFound, tenant.ErrUnavailable, tenant.ErrNoWorker, and
// *tenant.StepError where the repair failed.
func (s *Service) Repair(ctx context.Context, id tenant.FindingID, reason string, who tenant.Caller) (tenant.Finding, error) {
	f, err := s.config.Findings.Find(ctx, id)
	if err != nil || f.State != tenant.FindingOpen {
		return f, err
	}
	err = s.someoneWorks(ctx)
	if err == nil {
		_, err = s.reconcile(ctx, workflows.ReconcileInput{Repair: &activities.RepairRequest{Finding: id, Actor: who.Actor, Reason: reason}})
	}
	if err != nil {
		refused := s.config.Audit.Append(ctx, tenant.AuditEntry{
			Actor: who.Actor, Claimed: who.Claimed, Action: "finding-repaired", Outcome: tenant.OutcomeRefused,
			Tenant: f.Tenant, Operation: f.Operation, Reason: reason, Detail: fmt.Sprintf("%s %s %s", f.ID, f.Kind, f.Subject),
		})
		return f, errors.Join(err, refused)
	}
	return s.config.Findings.Find(ctx, id)
}

// Dismiss closes a finding that a person lives with: it is not found anew for
// as long as it stays true.
func (s *Service) Dismiss(ctx context.Context, id tenant.FindingID, reason string, who tenant.Caller) (tenant.Finding, error) {
	f, err := s.config.Findings.Find(ctx, id)
	if err != nil {
		return f, err
	}
	if _, err := s.config.Findings.Resolve(ctx, f, tenant.FindingDismissed, who, reason); err != nil {
		return f, err
	}
	return s.config.Findings.Find(ctx, id)
}

// reconcile runs the workflow and waits for it as long as a worker gives signs of
// life. Rounds may run side by side: each looks again before it changes anything.
func (s *Service) reconcile(ctx context.Context, in workflows.ReconcileInput) (workflows.ReconcileReport, error) {
	var report workflows.ReconcileReport
	ctx, cancel := context.WithTimeout(ctx, reconcileWait)
	defer cancel()
	run, err := s.config.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.ReconcileSchedule + "/" + uuid.NewString(), TaskQueue: s.config.TaskQueue,
		WorkflowExecutionTimeout: 2 * workflows.ReconcileInterval,
	}, workflows.ReconcileName, in)
	if err != nil {
		return report, fmt.Errorf("%w: Temporal does not start the reconciler; check TEMPORAL_ADDRESS: %w", tenant.ErrUnavailable, err)
	}
	watched, silent := context.WithCancelCause(ctx)
	defer silent(nil)
	go func() {
		if nobody := s.untilSilent(watched); nobody != nil {
			silent(nobody)
		}
	}()
	err = run.Get(watched, &report)
	if nobody := context.Cause(watched); err != nil && errors.Is(nobody, tenant.ErrNoWorker) {
		return report, fmt.Errorf("%w; what was asked for waits as workflow %s, and is done when a worker works", nobody, run.GetID())
	}
	if f, explained := activities.Failure(err); explained {
		return report, &tenant.StepError{Class: f.Class, Reason: f.Reason, Permanent: f.Permanent, Err: err}
	}
	if err != nil {
		return report, fmt.Errorf("%w: the reconciler (workflow %s) has not come to an end; check that a worker runs: %w", tenant.ErrUnavailable, run.GetID(), err)
	}
	return report, nil
}
