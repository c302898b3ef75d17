package batch

import (
	"errors"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/roster"
)

// State is what became of a row: the tenant's status once its operation has
// ended, the operation's state before, or one of the two below.
type State string

const (
	// StateActive is a tenant in use: the one good end.
	StateActive = State(tenant.StatusActive)
	// StateRefused is a row that was not accepted; nothing was created.
	StateRefused State = "REFUSED"
	// StateNotStarted is a row that was not reached before an interruption.
	StateNotStarted State = "NOT_STARTED"
)

// Outcome is what became of a row. It is a line of the result file.
type Outcome struct {
	Row         int                `json:"row"`
	Key         string             `json:"key"`
	TenantID    tenant.ID          `json:"tenantId"`
	OperationID tenant.OperationID `json:"operationId"`
	State       State              `json:"state"`
	Schema      string             `json:"schemaName"`
	ContractID  string             `json:"contractId"`
	// Seconds is the time from the operation's acceptance to its end; 0 while
	// it is open.
	Seconds float64 `json:"seconds"`
	Error   string  `json:"error"`

	// Name and Line are for messages; the file that the row came from has them.
	Name string `json:"-"`
	Line int    `json:"-"`
}

// Good reports whether nobody has to look at the row. Without waiting, a row
// that was accepted is good.
func (o Outcome) Good(waited bool) bool {
	if o.State == StateActive {
		return true
	}
	accepted := o.State == State(tenant.StatePending) || o.State == State(tenant.StateRunning)
	return accepted && !waited
}

func notStarted(row roster.Row) Outcome {
	return Outcome{Row: row.Number, Key: row.Key, State: StateNotStarted, Name: row.New.Name, Line: row.Line}
}

// refuse says why the row was not accepted, and what to do about it.
func (o Outcome) refuse(err error) Outcome {
	o.State, o.Error = StateRefused, err.Error()
	switch {
	case errors.Is(err, tenant.ErrNameTaken):
		o.Error = "the name is held by another tenant: choose another name, or remove the row"
	case errors.Is(err, tenant.ErrIdempotencyMismatch):
		o.Error = "the row's key was used before for other values: restore them, or give the row another key"
	}
	return o
}

// reached fills in how far the row's operation and tenant have come.
func (o Outcome) reached(op tenant.Operation, t tenant.Tenant) Outcome {
	o.TenantID, o.OperationID = op.TenantID, op.ID
	o.Schema, o.ContractID = t.Schema, t.ContractID
	o.State = State(op.State)
	if op.State.Closed() && t.Status != "" {
		o.State = State(t.Status)
		if !op.FinishedAt.IsZero() {
			o.Seconds = op.FinishedAt.Sub(op.CreatedAt).Seconds()
		}
	}
	if o.State != StateActive && op.FailureReason != "" {
		o.Error = string(op.FailedStep) + ": " + op.FailureReason
	}
	return o
}
