package runner

import (
	"time"

	"tenant-provisioning/internal/tenant"
)

// QueryStatus is the query that tells where a run is.
const QueryStatus = "status"

// Status answers the status query.
type Status struct {
	Tenant       tenant.ID           `json:"tenantId"`
	Operation    tenant.OperationID  `json:"operationId"`
	State        tenant.State        `json:"state"`
	Steps        []StepState         `json:"steps"`
	FailedStep   tenant.Step         `json:"failedStep,omitempty"`
	FailureClass tenant.FailureClass `json:"failureClass,omitempty"`
	Reason       string              `json:"reason,omitempty"`
	// Attempts is how often the failed step, or undo, was tried, as far as the
	// run knows; the database counts attempts that were lost as well.
	Attempts       int             `json:"attempts,omitempty"`
	AllowedActions []tenant.Action `json:"allowedActions"`
	Deadline       time.Time       `json:"deadline,omitzero"`
	// AtDeadline says what happens then, in plain words.
	AtDeadline string `json:"atDeadline,omitempty"`
	// Undo lists what a rollback would undo now, in order.
	Undo []string `json:"undo,omitempty"`
	// WaitingFor is the incident that the run waits for; nil while it waits for
	// none.
	WaitingFor *tenant.WaitingFor `json:"waitingFor,omitempty"`
	// LastRefused is the request that was refused last; nil while none was.
	LastRefused *Refusal `json:"lastRefused,omitempty"`
}

// Refusal is a request that was not done. Whoever asked by a signal has had no
// answer.
type Refusal struct {
	// Action is what was asked for; "signal" for a signal of a name that means
	// nothing.
	Action tenant.Action `json:"action"`
	Why    string        `json:"why"`
	At     time.Time     `json:"at"`
}

// StepState is where one activity of the run is.
type StepState struct {
	Name  string `json:"name"`
	State string `json:"state"`
	// Attempts counts those that failed.
	Attempts int `json:"attempts,omitempty"`
}
