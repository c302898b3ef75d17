package main

import (
	"context"
	"errors"
	"strings"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/tenant"
)

// advise is the text of an error, with what to do next.
func advise(err error) string {
	text := err.Error()
	if next := nextStep(err); next != "" {
		text += "\n" + next
	}
	return text
}

func nextStep(err error) string {
	var settings *config.Error
	var refused *tenant.ActionRefusedError
	var refusedByStatus *tenant.StatusRefusedError
	var open *tenant.OperationOpenError
	var changed *tenant.PlanChangedError
	var told *tenant.UnavailableError
	switch {
	case errors.As(err, &settings):
		return "On the embedded stack: set -a; . .devstack/env; set +a"
	case errors.Is(err, context.Canceled):
		return ""
	case strings.Contains(err.Error(), "starter migrate"):
		return "" // it says so itself
	case errors.Is(err, tenant.ErrRunGone):
		return "Have the operation taken over now with: starter reconcile; then see what is left to do with: starter status OPERATION"
	case errors.Is(err, tenant.ErrCopy), errors.Is(err, tenant.ErrNotLive), errors.As(err, &told) && told.Unfit:
		return "" // it says so itself
	case errors.Is(err, tenant.ErrNoWorker):
		return "See docs/runbooks/" + tenant.WorkerRunbook
	case errors.Is(err, tenant.ErrUnavailable):
		return "Check that PostgreSQL and Temporal run and that DB_HOST, DB_PORT and TEMPORAL_ADDRESS lead to them; then run the same command again."
	case errors.Is(err, tenant.ErrOwnNameTaken):
		return "Give it with --name NAME; see who holds the old one with: starter list --name NAME"
	case errors.Is(err, tenant.ErrNameTaken):
		return "A living tenant holds it; see which with: starter list --name NAME"
	case errors.Is(err, tenant.ErrIdempotencyMismatch):
		return "Use another --idempotency-key, or repeat the request with the values that it had."
	case errors.Is(err, tenant.ErrNotFound):
		return "See what there is with: starter list"
	case errors.Is(err, tenant.ErrBadCursor):
		return "Take the cursor from the end of the page before, or leave --cursor out."
	case errors.As(err, &changed):
		return "Nothing was undone. See the present plan with: starter rollback OPERATION --dry-run"
	case errors.As(err, &open):
		return "See what is going on with: starter status " + string(open.Open.ID)
	case errors.As(err, &refusedByStatus), errors.Is(err, tenant.ErrOperationOpen):
		return "See what is going on with: starter status TENANT"
	case errors.As(err, &refused):
		return "See what is going on with: starter status OPERATION"
	}
	return ""
}

// byFlag turns wrong fields of a request into wrong flags of a command.
func byFlag(err error, flags map[string]string) error {
	var invalid *tenant.InvalidError
	if !errors.As(err, &invalid) {
		return err
	}
	lines := make([]string, len(invalid.Fields))
	for i, f := range invalid.Fields {
		name := f.Field
		if flag, ok := flags[f.Field]; ok {
			name = flag
		}
		lines[i] = name + " " + f.Message
	}
	return usagef("%s", strings.Join(lines, "\n  "))
}
