package workflows_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"tenant-provisioning/internal/tenant"
)

// fault is what happens to some calls of one name.
type fault struct {
	call string
	// spared calls pass before times of them meet the fault.
	spared, times int
	// before happens instead of the effect, when it returns an error.
	before func(context.Context) error
	// after happens between the effect and its answer.
	after func(context.Context) error
	// late names a call before which the effect that before prevented happens
	// all the same: the attempt was given up, not stopped.
	late string
	// stays tells that mending does not end it.
	stays bool
	met   int
}

// lateEffect is one of an attempt that was given up.
type lateEffect struct {
	before string
	effect func() error
}

func (m *model) leaveLate(before string, effect func() error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.late = append(m.late, lateEffect{before, effect})
}

// settle lets every attempt come back that has not yet.
func (m *model) settle() {
	for _, l := range m.late {
		_ = m.apply("", l.effect)
	}
	m.late = nil
	m.ledger.apply() // nothing is under way for ever
}

// always is more calls than any run makes.
const always = math.MaxInt32

// mend ends every fault.
func (m *model) mend() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults = slices.DeleteFunc(m.faults, func(f *fault) bool { return !f.stays })
}

func permanent(context.Context) error {
	return &tenant.StepError{Class: tenant.ClassPermanent, Permanent: true, Reason: "it cannot be done"}
}

func transient(context.Context) error {
	return &tenant.StepError{Reason: "it does not answer"}
}

// beyondTheBudget is transient, and by itself repeated only when no budget lasts
// so long: the server gives up at once, as it does at the end of a budget.
func beyondTheBudget(context.Context) error {
	return &tenant.StepError{Reason: "it does not answer", RetryAfter: 24 * time.Hour}
}

// inDoubt is a lost answer: the effect may have happened.
func inDoubt(context.Context) error {
	return &tenant.StepError{Reason: "the connection was lost", Uncertain: true}
}

// unforeseen is an error that no adapter explains, with a secret in it.
func unforeseen(context.Context) error {
	return errors.New("dial postgres://admin:" + secret + "@db.internal: EOF")
}

const secret = "s3cr3t-passw0rd"
