package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"tenant-provisioning/internal/tenant"
)

// State is how it stands with one thing.
type State string

// The states, from the best to the worst.
const (
	// OK is as it should be, or cannot be seen and need not be.
	OK State = "ok"
	// Warning works now, and will not for ever, or not as well as it could.
	Warning State = "warning"
	// Failure is what keeps the product, or a part of it, from working.
	Failure State = "failure"
)

// Verdict is what one check has found.
type Verdict struct {
	State State
	// Says is what was found and what that means.
	Says string
	// Mend is what to do: it names a setting, a command or a runbook. Empty where
	// there is nothing to mend.
	Mend string
}

func fine(format string, args ...any) Verdict {
	return Verdict{State: OK, Says: fmt.Sprintf(format, args...)}
}

func warn(says, mend string) Verdict { return Verdict{State: Warning, Says: says, Mend: mend} }

func fail(says, mend string) Verdict { return Verdict{State: Failure, Says: says, Mend: mend} }

// all is one verdict of what was found wrong, or found when nothing was. It is as
// bad as the worst.
func all(found Verdict, wrong ...Verdict) Verdict {
	if len(wrong) == 0 {
		return found
	}
	worst := Verdict{State: Warning}
	var says, mend []string
	for _, w := range wrong {
		if w.State == Failure {
			worst.State = Failure
		}
		says, mend = append(says, w.Says), append(mend, w.Mend)
	}
	worst.Says, worst.Mend = strings.Join(says, "; "), strings.Join(mend, "; ")
	return worst
}

// unasked is a check whose question had no answer.
func unasked(doing string, err error, mend string) Verdict {
	return fail(doing+": "+words(err), mend)
}

// words are what an error says to an operator, who may also read the cause.
func words(err error) string {
	if step, ok := errors.AsType[*tenant.StepError](err); ok {
		return step.Reason
	}
	if away, ok := errors.AsType[*tenant.UnavailableError](err); ok {
		return away.Reason
	}
	var told interface{ Public() string }
	if errors.As(err, &told) {
		return told.Public() + " (" + err.Error() + ")"
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time (" + err.Error() + ")"
	}
	return strings.ReplaceAll(err.Error(), tenant.ErrUnavailable.Error()+": ", "")
}
