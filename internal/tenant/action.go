package tenant

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Action is what a person may do with an operation.
type Action string

const (
	// ActionRetry tries the failed step, or the blocked undo, again.
	ActionRetry Action = "retry"
	// ActionSkip goes on without the failed step, or without the blocked undo.
	ActionSkip Action = "skip"
	// ActionRollback undoes everything that was done.
	ActionRollback Action = "rollback"
	// ActionCancel does what Temporal's own cancel does: it rolls back before the
	// pivot, and gives up the mail after it. A purge that has begun goes on, and only
	// its mail is given up; while it is parked at a step that must be done a cancel
	// is refused. It is offered to nobody, since one of the others always says more
	// exactly what is meant.
	ActionCancel Action = "cancel"
)

// Actions lists every action that a run takes as an update or a signal, in the
// order in which they are offered.
func Actions() []Action { return []Action{ActionRetry, ActionSkip, ActionRollback} }

// Event is what an action means to the transition table.
func (a Action) Event() Event {
	switch a {
	case ActionRetry:
		return EventRetry
	case ActionSkip:
		return EventSkip
	case ActionRollback:
		return EventRollback
	case ActionCancel:
		return EventCancel
	}
	return ""
}

// AllowedActions lists the actions that the transition table has for a state, at
// the given position. It is empty, never nil, when there is none.
func AllowedActions(state State, at Position) []Action {
	allowed := []Action{}
	for _, a := range Actions() {
		if _, err := Next(state, at, a.Event()); err == nil {
			allowed = append(allowed, a)
		}
	}
	return allowed
}

const (
	// MaxReasonLength is the longest reason, in characters: two lines of a
	// terminal, with room for a ticket's number.
	MaxReasonLength = 500
	maxActorLength  = 200
	// maxRequestIDLength is in bytes.
	maxRequestIDLength = 255
)

// ActionRequest is who asks for an action, and why. It travels to the workflow
// in clear: whoever types a reason is told so.
type ActionRequest struct {
	Actor  string `json:"actor"`
	Reason string `json:"reason"`
	// RequestID makes a repeated request of the same actor act once. Without
	// one, an action counts for the parking that was current when it was accepted.
	RequestID string `json:"requestId,omitempty"`
	// PlanHash is the hash of the plan that a rollback was decided on; empty
	// takes any plan. Only a rollback looks at it.
	PlanHash string `json:"planHash,omitempty"`
}

// maxPlanHash bounds what is taken for a hash, with room for longer ones.
const maxPlanHash = 64

// Clean trims and checks the form of a request. The error, if any, is an
// *InvalidError.
func (r ActionRequest) Clean() (ActionRequest, error) {
	var errs []FieldError
	r.Actor, r.Reason = strings.TrimSpace(r.Actor), strings.TrimSpace(r.Reason)
	if r.Actor == "" || utf8.RuneCountInString(r.Actor) > maxActorLength {
		errs = append(errs, FieldError{Field: "actor", Message: "must say who acts, in 1 to 200 characters"})
	}
	if n := utf8.RuneCountInString(r.Reason); n < 1 || n > MaxReasonLength {
		errs = append(errs, FieldError{Field: "reason", Message: "must say why, in 1 to 500 characters"})
	}
	for _, f := range []struct{ field, value string }{{"actor", r.Actor}, {"reason", r.Reason}, {"requestId", r.RequestID}, {"planHash", r.PlanHash}} {
		if !utf8.ValidString(f.value) || strings.ContainsFunc(f.value, unicode.IsControl) {
			errs = append(errs, FieldError{Field: f.field, Message: "must not contain control characters"})
		}
	}
	if len(r.RequestID) > maxRequestIDLength {
		errs = append(errs, FieldError{Field: "requestId", Message: "must have at most 255 characters"})
	}
	if len(r.PlanHash) > maxPlanHash {
		errs = append(errs, FieldError{Field: "planHash", Message: "must be the planHash of a dry run"})
	}
	if len(errs) > 0 {
		return ActionRequest{}, &InvalidError{Fields: errs}
	}
	return r, nil
}

// Legible is what the audit log can keep of a request that Clean refuses:
// anybody who may signal a run can send anything.
func (r ActionRequest) Legible() ActionRequest {
	return ActionRequest{
		Actor: legible(r.Actor, maxActorLength), Reason: legible(r.Reason, MaxReasonLength), RequestID: legible(r.RequestID, maxRequestIDLength/utf8.UTFMax),
	}
}

// legible replaces what is not a character of a text, and cuts after most
// characters.
func legible(s string, most int) string {
	s = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return unicode.ReplacementChar
		}
		return c
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
	if cut := []rune(s); len(cut) > most {
		return string(cut[:most])
	}
	return s
}
