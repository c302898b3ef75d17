package activities

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"tenant-provisioning/internal/tenant"
)

// Types of the errors that an activity ends with, as the workflow and the Web
// UI see them.
const (
	// ErrTypeSuperseded is an attempt whose operation has gone on without it.
	ErrTypeSuperseded = "Superseded"
	// ErrTypeStep is a failed attempt at a step; its details are a
	// StepFailure.
	ErrTypeStep = "StepFailed"
)

// StepFailure tells the workflow what went wrong. Nothing in it is personal or
// secret.
type StepFailure struct {
	Step      tenant.Step         `json:"step"`
	Class     tenant.FailureClass `json:"class,omitempty"`
	Reason    string              `json:"reason"`
	Permanent bool                `json:"permanent,omitempty"`
	// Attempt counts the attempts of the activity that ended with this one; 0
	// when nobody counted.
	Attempt int `json:"attempt,omitempty"`

	// usedUp tells that the budget is: Temporal does not repeat it.
	usedUp bool
}

// unexplained is what an operator reads of an error that nobody foresaw: its
// text may hold anything, so only the log of the worker has it.
const unexplained = "an unexpected error; the worker's log has it"

// classify turns an attempt's error into the one that Temporal sees. It is the
// last thing that happens to an error: wrapping the result would make every
// failure retryable again.
func classify(step tenant.Step, err error) error {
	if errors.Is(err, tenant.ErrSuperseded) {
		return temporal.NewNonRetryableApplicationError(tenant.ErrSuperseded.Error(), ErrTypeSuperseded, nil)
	}
	return describe(step, err).asError(err)
}

// asError is the failure as Temporal sees it; err is its cause.
func (f StepFailure) asError(err error) error {
	o := temporal.ApplicationErrorOptions{NonRetryable: f.Permanent || f.usedUp, Details: []any{f}, NextRetryDelay: retryAfter(err)}
	return temporal.NewApplicationErrorWithOptions(f.Reason, ErrTypeStep, o)
}

// describe says what an error means. step names the step of errors that do not
// know theirs.
func describe(step tenant.Step, err error) StepFailure {
	se, ok := errors.AsType[*tenant.StepError](err)
	if !ok {
		return StepFailure{Step: step, Reason: unexplained}
	}
	if se.Step != "" {
		step = se.Step
	}
	return StepFailure{Step: step, Class: se.Class, Reason: se.Reason, Permanent: se.Permanent}
}

// retryAfter is the pause that an error asks for; 0 is the usual one.
func retryAfter(err error) time.Duration {
	if se, ok := errors.AsType[*tenant.StepError](err); ok {
		return se.RetryAfter
	}
	return 0
}

// queued tells that an attempt has only waited for its turn.
func queued(err error) bool {
	se, ok := errors.AsType[*tenant.StepError](err)
	return ok && se.Queued
}

// dependency is what an error says has failed, if it does.
func dependency(err error) tenant.Dependency {
	if se, ok := errors.AsType[*tenant.StepError](err); ok {
		return se.Dependency
	}
	return ""
}

// alone reports that an error is about this tenant only.
func alone(err error) bool {
	se, ok := errors.AsType[*tenant.StepError](err)
	return ok && se.Alone
}

// Failure reads what an activity's error says, however the SDK wrapped it. It
// reports false for an error that no attempt has explained, such as a time-out
// of every one.
func Failure(err error) (StepFailure, bool) {
	var f StepFailure
	app, ok := errors.AsType[*temporal.ApplicationError](err)
	if !ok || app.Type() != ErrTypeStep || app.Details(&f) != nil {
		return StepFailure{}, false
	}
	return f, true
}

// Superseded reports whether an activity ended because its operation has gone
// on without it.
func Superseded(err error) bool {
	app, ok := errors.AsType[*temporal.ApplicationError](err)
	return ok && app.Type() == ErrTypeSuperseded
}
