package operations

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows"
)

// WindowStore is the maintenance windows.
type WindowStore interface {
	List(ctx context.Context, since time.Time) ([]tenant.Window, error)
	Find(ctx context.Context, id tenant.WindowID) (tenant.Window, error)
	Now(ctx context.Context) (time.Time, error)
	Plan(ctx context.Context, w tenant.Window, e tenant.AuditEntry) (tenant.Window, error)
	Change(ctx context.Context, id tenant.WindowID, to tenant.WindowAudience, change func(tenant.Window) (tenant.WindowStep, error)) (tenant.Window, error)
	// ReadOnly is the read-only window that is under way; its id is empty when none is.
	ReadOnly(ctx context.Context) (tenant.Window, error)
}

// windowsShown is how long ago a window may have ended that is listed.
const windowsShown = 92 * 24 * time.Hour

// Windows lists the maintenance windows of the last three months and those to come, the
// earliest first.
func (s *Service) Windows(ctx context.Context) ([]tenant.Window, error) {
	now, err := s.config.Windows.Now(ctx)
	if err != nil {
		return nil, err
	}
	return s.config.Windows.List(ctx, now.Add(-windowsShown))
}

// Window reads a maintenance window with its tasks.
func (s *Service) Window(ctx context.Context, id tenant.WindowID) (tenant.Window, error) {
	return s.config.Windows.Find(ctx, id)
}

// ReadOnly is the read-only window that is under way; its id is empty when none is.
func (s *Service) ReadOnly(ctx context.Context) (tenant.Window, error) {
	return s.config.Windows.ReadOnly(ctx)
}

// PlanWindow plans a window. A zero start is now.
//
// Errors: *tenant.InvalidError, tenant.ErrUnavailable.
func (s *Service) PlanWindow(ctx context.Context, w tenant.Window, lasts time.Duration, reason string, who tenant.Caller) (tenant.Window, error) {
	request, err := tenant.ActionRequest{Actor: who.Actor, Reason: reason}.Clean()
	if err != nil {
		return tenant.Window{}, err
	}
	now, err := s.config.Windows.Now(ctx)
	if err != nil {
		return tenant.Window{}, err
	}
	if w.StartsAt.IsZero() {
		w.StartsAt = now
	}
	w.EndsAt = w.StartsAt.Add(lasts)
	if w, err = w.Plan(now); err != nil {
		return tenant.Window{}, err
	}
	if w.ID, err = tenant.NewWindowID(); err != nil {
		return tenant.Window{}, err
	}
	if w, err = s.config.Windows.Plan(ctx, w, windowEntry(tenant.ActionPlanWindow, who, tenant.OutcomeAccepted, request.Reason, w.String())); err != nil {
		return tenant.Window{}, err
	}
	s.wakeWindow(ctx, w, now)
	return w, nil
}

// ChangeWindow does what a person wants with a window: start, extend, end, skip, move or
// tick. It stands in its row at once; the run acts on it when it hears of it. It is
// audited whether made or refused.
//
// Errors: *tenant.InvalidError, tenant.ErrNotFound, *tenant.WindowRefusedError,
// tenant.ErrUnavailable.
func (s *Service) ChangeWindow(ctx context.Context, id tenant.WindowID, c tenant.WindowChange, reason string, who tenant.Caller) (tenant.Window, error) {
	request, err := tenant.ActionRequest{Actor: who.Actor, Reason: reason}.Clean()
	if err != nil {
		return tenant.Window{}, err
	}
	now, err := s.config.Windows.Now(ctx)
	if err != nil {
		return tenant.Window{}, err
	}
	c.Actor, c.Mode = request.Actor, s.config.MaintenanceMode
	w, err := s.config.Windows.Change(ctx, id, tenant.WindowAudience{}, func(w tenant.Window) (tenant.WindowStep, error) {
		step, err := w.Change(c, now)
		detail := step.Window.String()
		if c.Item != "" {
			detail += fmt.Sprintf(": %q", c.Item)
		}
		step.Audit = windowEntry(c.Action, who, tenant.OutcomeAccepted, request.Reason, detail)
		return step, err
	})
	if refused, ok := errors.AsType[*tenant.WindowRefusedError](err); ok {
		if audited := s.RefusedWindow(ctx, id, c.Action, who, refused.Error()); audited != nil {
			return tenant.Window{}, audited
		}
	}
	if err != nil {
		return tenant.Window{}, err
	}
	s.wakeWindow(ctx, w, now)
	return w, nil
}

// RefusedWindow has a change of a window audited that its sender may not make; id is
// empty where none is named.
func (s *Service) RefusedWindow(ctx context.Context, id tenant.WindowID, a tenant.WindowAction, who tenant.Caller, why string) error {
	if id != "" {
		why = "window " + string(id) + ": " + why
	}
	return s.config.Audit.Append(ctx, windowEntry(a, who, tenant.OutcomeRefused, "", why))
}

func windowEntry(a tenant.WindowAction, who tenant.Caller, outcome, reason, detail string) tenant.AuditEntry {
	return tenant.AuditEntry{Actor: who.Actor, Claimed: who.Claimed, Action: a.Audited(), Outcome: outcome, Reason: reason, Detail: detail}
}

// wakeWindow tells a window's run that its row has changed, and starts the run of one
// that begins soon. Where Temporal is away the schedule does it, or the run looks at the
// next time that it knows.
func (s *Service) wakeWindow(ctx context.Context, w tenant.Window, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, s.limits.signal)
	defer cancel()
	id := workflows.WindowWorkflowID(w.ID)
	var err error
	if w.Open() && w.StartsAt.Sub(now) <= tenant.NoticeBefore {
		_, err = s.config.Temporal.SignalWithStartWorkflow(ctx, id, workflows.WindowChanged, nil,
			client.StartWorkflowOptions{ID: id, TaskQueue: s.config.TaskQueue}, workflows.WindowName, w.ID)
	} else {
		err = s.config.Temporal.SignalWorkflow(ctx, id, "", workflows.WindowChanged, nil)
	}
	if _, none := errors.AsType[*serviceerror.NotFound](err); err != nil && !none {
		s.config.Logger.WarnContext(ctx, "Temporal does not hear that a maintenance window has changed; what follows is done when it does", "window", w.ID, "error", err)
	}
}
