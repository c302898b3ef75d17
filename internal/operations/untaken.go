package operations

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/api/serviceerror"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows"
)

// runIsGone is an action for which there is no run. Asking Temporal again is of
// no use before the reconciler has taken the operation over.
func runIsGone() error {
	return &tenant.UnavailableError{
		Reason: "the operation's run is gone: it was terminated, or its history is lost; nothing was done. " +
			"The reconciler takes the operation over, every five minutes and at once by starter reconcile: then read the operation, and decide anew",
		RetryAfter: workflows.ReconcileInterval, Err: tenant.ErrRunGone,
	}
}

// notTaken says why Temporal did not take what it was sent. Where it answered,
// its answer tells.
func notTaken(what string, err error) error {
	e := &tenant.UnavailableError{Err: fmt.Errorf("check TEMPORAL_ADDRESS: %w", err)}
	var noNamespace *serviceerror.NamespaceNotFound
	var denied *serviceerror.PermissionDenied
	var limited *serviceerror.ResourceExhausted
	var invalid *serviceerror.InvalidArgument
	var why string
	switch {
	case errors.As(err, &noNamespace):
		why, e.Unfit, e.Err = "has no such namespace", true, fmt.Errorf("check TEMPORAL_NAMESPACE, or run starter setup: %w", err)
	case errors.As(err, &denied):
		why, e.Unfit, e.Err = "refuses us", true, fmt.Errorf("check TEMPORAL_API_KEY and the client certificate: %w", err)
	case errors.As(err, &limited):
		why, e.Err = "is at its limit of requests", err
	case errors.As(err, &invalid):
		why, e.Unfit, e.Err = "refuses the request", true, err
	default: // it may have taken it, and only its answer is lost
		e.Reason = fmt.Sprintf("Temporal does not answer: nobody knows whether the %s was taken; read the operation, then send it again", what)
		return e
	}
	e.Reason = fmt.Sprintf("Temporal %s: the %s was not taken, send it again", why, what)
	return e
}

// auditUntaken has an action audited that reached no run: nobody else can. Where
// Temporal took it after all and only its answer was lost, the run writes its own
// entry.
func (s *Service) auditUntaken(ctx context.Context, o tenant.Operation, a tenant.Action, r tenant.ActionRequest, who tenant.Caller, err error) error {
	unavailable, ok := errors.AsType[*tenant.UnavailableError](err)
	if !ok {
		return err
	}
	// The caller may have waited for Temporal for as long as it waits.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditTimeout)
	defer cancel()
	if audited := s.config.Audit.Append(ctx, entry(o, a, r, who, tenant.OutcomeRefused, unavailable.Reason)); audited != nil {
		return audited
	}
	return err
}
