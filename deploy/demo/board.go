package main

import (
	"time"

	"tenant-provisioning/internal/tenant"
)

// board is everything that the view shows, at one moment.
type board struct {
	elapsed time.Duration
	lines   []line
}

// line is one tenant.
type line struct {
	name        string
	email       string
	tenantID    tenant.ID
	operationID tenant.OperationID
	status      tenant.Status
	state       tenant.State
	steps       []step
	schema      string
	contract    string
	seconds     float64
	// problem is why the tenant was refused, or is not active.
	problem string
}

// step is one step of a tenant's provisioning.
type step struct {
	step     tenant.Step
	status   tenant.StepStatus
	attempts int
	duration time.Duration
	err      string
}

// settled reports that nothing more happens to the tenant by itself.
func (l line) settled() bool {
	return l.problem != "" && l.operationID == "" || l.state.Settled()
}

// good reports that the tenant is in use and nobody has to look at it.
func (l line) good() bool { return l.status == tenant.StatusActive && l.state == tenant.StateSucceeded }

// current is the step that is being worked on, or the first that is not done.
func (l line) current() step {
	for _, s := range l.steps {
		if s.status != tenant.StepCompleted && s.status != tenant.StepSkipped {
			return s
		}
	}
	return step{}
}

func (b board) settled() bool {
	for _, l := range b.lines {
		if !l.settled() {
			return false
		}
	}
	return true
}

func (b board) good() bool {
	for _, l := range b.lines {
		if !l.good() {
			return false
		}
	}
	return true
}
