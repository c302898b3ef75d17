package mail

import (
	"errors"
	"fmt"
	"time"

	"tenant-provisioning/internal/tenant"
)

// askProvider is the way out when a mail is refused for what it is.
const askProvider = "another address would not help; ask the provider why, then retry"

// Part is what was refused.
type Part string

// The parts of a message.
const (
	PartRecipient Part = "recipient"
	PartSender    Part = "sender"
	PartContent   Part = "content"
)

// RejectedError is a mail that was refused for its recipient or its content. It
// was not taken, no other provider would deliver it, and it says nothing of other
// mails.
type RejectedError struct {
	Provider string
	Part     Part
	// Passing tells that the same mail may be taken later, as by a mailbox that is
	// full now. Otherwise sending it again is of no use.
	Passing bool
	Reason  string // says what to do; holds no address
}

func (e *RejectedError) Error() string { return e.Provider + ": " + e.Reason }

// AuthError is a refused key, password or permission: whom the provider refuses
// is us, whatever the mail. The mail was not taken.
type AuthError struct {
	Provider string
	Reason   string // names the setting to check
}

func (e *AuthError) Error() string { return e.Provider + ": " + e.Reason }

// ThrottledError is a limit of the provider. The mail was not taken.
type ThrottledError struct {
	Provider string
	// RetryAfter is how long the provider wants to be left alone, five minutes
	// at most; zero if it did not say.
	RetryAfter time.Duration
	// Greylisted tells that only this mail has to come again, as a first one from
	// an unknown sender to an unknown recipient.
	Greylisted bool
	Reason     string
}

func (e *ThrottledError) Error() string { return e.Provider + ": " + e.Reason }

// UnavailableError is a provider that cannot be reached or declines all work.
// The mail was not taken.
type UnavailableError struct {
	Provider string
	Reason   string
	Err      error // the cause, may be nil
}

func (e *UnavailableError) Error() string { return withCause(e.Provider, e.Reason, e.Err) }

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Err }

// UncertainError is an attempt whose answer is missing or tells nothing: the
// mail may have been taken. Ask Lookup before sending it again.
type UncertainError struct {
	Provider string
	Reason   string
	Err      error // the cause, may be nil
}

func (e *UncertainError) Error() string { return withCause(e.Provider, e.Reason, e.Err) }

// Unwrap returns the cause.
func (e *UncertainError) Unwrap() error { return e.Err }

func withCause(provider, reason string, err error) string {
	if err == nil {
		return provider + ": " + reason
	}
	return fmt.Sprintf("%s: %s: %v", provider, reason, err)
}

// AsStepError turns an error of Send or Lookup into the one that workflows
// understand: a mail that was refused for what it is fails for good, everything
// else is worth retrying. It returns nil for nil.
func AsStepError(step tenant.Step, err error) error {
	if err == nil {
		return nil
	}
	failure := &tenant.StepError{Step: step, Reason: "the mail could not be sent", Err: err}
	var (
		rejected    *RejectedError
		auth        *AuthError
		throttled   *ThrottledError
		uncertain   *UncertainError
		unavailable *UnavailableError
	)
	switch {
	case errors.As(err, &rejected):
		failure.Class, failure.Permanent, failure.Reason = tenant.ClassPermanent, true, rejected.Provider+": "+rejected.Reason
		if rejected.Passing {
			failure.Class, failure.Permanent, failure.Alone = tenant.ClassCapacity, false, true
		}
	case errors.As(err, &auth):
		failure.Class, failure.Reason = tenant.ClassAuth, auth.Provider+": "+auth.Reason
	case errors.As(err, &throttled):
		failure.Class, failure.RetryAfter, failure.Reason = tenant.ClassCapacity, throttled.RetryAfter, throttled.Provider+": "+throttled.Reason
		failure.Alone = throttled.Greylisted
	case errors.As(err, &uncertain):
		failure.Uncertain, failure.Reason = true, uncertain.Provider+": "+uncertain.Reason
	case errors.As(err, &unavailable):
		failure.Reason = unavailable.Provider + ": " + unavailable.Reason
	}
	return failure
}
