package operations

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"tenant-provisioning/internal/logging"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows/runner"
)

const (
	// updateTimeout is how long a run may take to answer an action. A run
	// whose workers are away gets the action as a signal, which waits for them.
	updateTimeout = 2 * time.Second
	// signalTimeout bounds that, so that a caller has an answer within 5 s.
	signalTimeout = 2 * time.Second
	// effectTimeout is how long an answered action is watched to take effect.
	effectTimeout = 2 * time.Second
	// auditTimeout bounds the writing of an entry about an action that was not
	// taken.
	auditTimeout = time.Second
)

// limits bound the parts of an action.
type limits struct{ update, signal, effect time.Duration }

// Act takes an action: retry, skip, rollback or cancel. It is audited whether
// accepted or refused. The same request id of the same actor acts once.
//
// Errors: *tenant.InvalidError, tenant.ErrNotFound, tenant.ErrForbidden,
// *tenant.ActionRefusedError, *tenant.PlanChangedError, tenant.ErrUnavailable.
func (s *Service) Act(ctx context.Context, id tenant.OperationID, a tenant.Action, r tenant.ActionRequest, who tenant.Caller) (tenant.Operation, error) {
	r.Actor = who.Actor
	r, err := r.Clean()
	if err != nil {
		return tenant.Operation{}, err
	}
	o, err := s.config.Operations.Find(ctx, id)
	if err != nil {
		return tenant.Operation{}, err
	}
	logging.Note(ctx, subject(o)...)
	if r.RequestID == "" {
		r.RequestID = uuid.NewString()
	} else if taken, err := s.config.Audit.ActionTaken(ctx, id, a, r); err != nil || taken && !(a == tenant.ActionCancel && o.Allows(a)) {
		return o, err
	}
	if err := s.permit(ctx, o, a, r, who); err != nil {
		return o, err
	}
	if o.State == tenant.StatePending { // nothing but a rollback or a cancel is permitted there
		done, err := s.rollBackPending(ctx, o, a, r, who)
		if err != nil || done {
			return s.reread(ctx, id, err)
		}
		if o, err = s.config.Operations.Find(ctx, id); err != nil { // a run was faster
			return tenant.Operation{}, err
		}
		if err := s.permit(ctx, o, a, r, who); err != nil {
			return o, err
		}
	}
	if a == tenant.ActionCancel {
		return s.reread(ctx, id, s.auditUntaken(ctx, o, a, r, who, s.cancel(ctx, o, r, who)))
	}
	if !who.Claimed {
		if err := s.config.Audit.Vouch(ctx, id, a, r); err != nil {
			return o, err
		}
	}
	return s.reread(ctx, id, s.auditUntaken(ctx, o, a, r, who, s.send(ctx, o, a, r)))
}

func (s *Service) reread(ctx context.Context, id tenant.OperationID, err error) (tenant.Operation, error) {
	if err != nil {
		return tenant.Operation{}, err
	}
	return s.Operation(ctx, id)
}

// rollBackPending closes an operation that no run has taken. The run that it
// supersedes would have been ended with its start.
func (s *Service) rollBackPending(ctx context.Context, o tenant.Operation, a tenant.Action, r tenant.ActionRequest, who tenant.Caller) (bool, error) {
	endCtx, cancel := context.WithTimeout(ctx, s.limits.signal)
	defer cancel()
	if err := endSuperseded(endCtx, s.config.Temporal, o); err != nil {
		s.config.Logger.WarnContext(ctx, "the run that an operation supersedes is not ended yet; the tenant's next operation ends it", "error", err)
	}
	return s.config.Operations.RollBackPending(ctx, o, "rolled back on request before it began", entry(o, a, r, who, tenant.OutcomeAccepted, ""))
}

// cancel cancels the operation's run, which can't be told who asks: so that is
// audited first, and a request that Temporal did not take is sent again when it
// is repeated.
func (s *Service) cancel(ctx context.Context, o tenant.Operation, r tenant.ActionRequest, who tenant.Caller) error {
	if err := s.config.Audit.Append(ctx, entry(o, tenant.ActionCancel, r, who, tenant.OutcomeAccepted, "")); err != nil {
		return err
	}
	cancelCtx, cancel := context.WithTimeout(ctx, s.limits.signal)
	defer cancel()
	err := s.config.Temporal.CancelWorkflow(cancelCtx, o.WorkflowID(), "")
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		return runIsGone()
	}
	if err != nil {
		return notTaken("cancel", err)
	}
	s.awaitEffect(ctx, o)
	return nil
}

// permit refuses what the table does not allow, and has the refusal audited.
func (s *Service) permit(ctx context.Context, o tenant.Operation, a tenant.Action, r tenant.ActionRequest, who tenant.Caller) error {
	var refusal error
	switch {
	case !o.Allows(a):
		refusal = &tenant.ActionRefusedError{Action: a, State: o.State, Allowed: o.AllowedActions()}
	case o.LeavesBehind(a) && !who.Admin:
		refusal = fmt.Errorf("%w: to skip this leaves something behind", tenant.ErrForbidden)
	case a == tenant.ActionRollback && r.PlanHash != "":
		plan, err := s.plan(ctx, o)
		if err != nil {
			return err
		}
		if plan.Hash == r.PlanHash {
			return nil // the run looks once more, when it acts
		}
		refusal = &tenant.PlanChangedError{Hash: plan.Hash}
	default:
		return nil
	}
	if err := s.config.Audit.Append(ctx, entry(o, a, r, who, tenant.OutcomeRefused, refusal.Error())); err != nil {
		return err
	}
	return refusal
}

// Refused has a request audited that was refused before it came here: its
// sender may not act at all.
func (s *Service) Refused(ctx context.Context, id tenant.OperationID, a tenant.Action, who tenant.Caller, why string) error {
	o, err := s.config.Operations.Find(ctx, id)
	if errors.Is(err, tenant.ErrNotFound) {
		return nil // it would have touched nothing
	}
	if err != nil {
		return err
	}
	return s.config.Audit.Append(ctx, entry(o, a, tenant.ActionRequest{Actor: who.Actor}, who, tenant.OutcomeRefused, why))
}

func entry(o tenant.Operation, a tenant.Action, r tenant.ActionRequest, who tenant.Caller, outcome, detail string) tenant.AuditEntry {
	return tenant.AuditEntry{
		Actor: r.Actor, Claimed: who.Claimed, Action: string(a), Outcome: outcome, Tenant: o.TenantID, Operation: o.ID,
		RequestID: r.RequestID, Reason: r.Reason, Detail: detail,
	}
}

// send gives the action to the operation's run: as an update, which answers;
// and where no worker answers, as a signal, which waits. Both carry the same
// request id, so that it acts once.
func (s *Service) send(ctx context.Context, o tenant.Operation, a tenant.Action, r tenant.ActionRequest) error {
	updateCtx, cancel := context.WithTimeout(ctx, s.limits.update)
	defer cancel()
	handle, err := s.config.Temporal.UpdateWorkflow(updateCtx, client.UpdateWorkflowOptions{
		WorkflowID: o.WorkflowID(), UpdateID: updateID(a, r), UpdateName: string(a), Args: []any{r},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = handle.Get(updateCtx, nil)
	}
	if err == nil {
		s.awaitEffect(ctx, o)
		return nil
	}
	if refused := refusal(err); refused != nil {
		return refused
	}
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		return runIsGone()
	}
	s.config.Logger.WarnContext(ctx, "no worker answers an action; it waits as a signal", "action", a, "error", err)
	signalCtx, cancel := context.WithTimeout(ctx, s.limits.signal)
	defer cancel()
	err = s.config.Temporal.SignalWorkflow(signalCtx, o.WorkflowID(), "", string(a), r)
	if err == nil {
		return nil
	}
	if _, closed := errors.AsType[*serviceerror.NotFound](err); closed {
		// The update came through after all, late, and may have ended the run,
		// which writes what it has accepted before it closes.
		if taken, err := s.config.Audit.ActionTaken(ctx, o.ID, a, r); err != nil || taken {
			return err
		}
	}
	return notTaken("action", err)
}

// updateID names a request to Temporal, which answers a repetition like the
// first. It is shown there in clear, and an actor may be an address: only a
// digest of it is.
func updateID(a tenant.Action, r tenant.ActionRequest) string {
	actor := sha256.Sum256([]byte(r.Actor))
	return string(a) + "/" + r.RequestID + "/" + hex.EncodeToString(actor[:8])
}

// awaitEffect waits until the run has left the wait for a person that the action
// was for. Until then the row says what it said before, and whoever reads or
// follows it would take that for what has come of the action.
func (s *Service) awaitEffect(ctx context.Context, was tenant.Operation) {
	if !was.State.Settled() {
		return
	}
	w := s.watches.join(was.ID)
	defer s.watches.leave(was.ID, w)
	end := time.NewTimer(s.limits.effect)
	defer end.Stop()
	for {
		select {
		case now := <-w.news:
			if now.err != nil || !now.operation.UpdatedAt.Equal(was.UpdatedAt) {
				return // the caller reads once more
			}
			s.watches.again(was.ID)
		case <-end.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// refusal is the run's own answer, if that is what err is.
func refusal(err error) error {
	app, ok := errors.AsType[*temporal.ApplicationError](err)
	if !ok {
		return nil
	}
	var changed tenant.PlanChangedError
	if app.Type() == runner.ErrTypePlanChanged && app.Details(&changed) == nil {
		return &changed
	}
	var refused tenant.ActionRefusedError
	if app.Type() == runner.ErrTypeActionRefused && app.Details(&refused) == nil {
		return &refused
	}
	return err
}
