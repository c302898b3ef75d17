package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"

	"tenant-provisioning/internal/tenant"
)

// ProvisionName is the workflow's type, as the Web UI shows it.
const ProvisionName = "ProvisionTenant"

// QueryStatus is the query that tells where a run is.
const QueryStatus = "status"

// Queues are the task queues of one installation.
type Queues struct {
	// Main runs workflows and the database's steps.
	Main string `json:"main"`
	// Stellar runs what waits for the ledger.
	Stellar string `json:"stellar"`
	// Email runs what talks to the mail provider.
	Email string `json:"email"`
}

// QueuesOf derives the queues from the main one's name.
func QueuesOf(main string) Queues {
	return Queues{Main: main, Stellar: main + "-stellar", Email: main + "-email"}
}

// ProvisionInput is what a run needs to know. It holds ids only: the rest is
// read from the database by the steps.
type ProvisionInput struct {
	Tenant     tenant.ID          `json:"tenant"`
	Operation  tenant.OperationID `json:"operation"`
	Generation int                `json:"generation"`
	// RetryBudget is how long a step is repeated before it asks for attention.
	RetryBudget time.Duration `json:"retryBudget"`
	// AttentionPeriod is how long a person has to decide.
	AttentionPeriod time.Duration `json:"attentionPeriod"`
	Queues          Queues        `json:"queues"`
}

// Search attributes, all keywords.
var (
	AttributeTenantID       = temporal.NewSearchAttributeKeyKeyword("TenantId")
	AttributeOperationState = temporal.NewSearchAttributeKeyKeyword("OperationState")
	AttributeFailedStep     = temporal.NewSearchAttributeKeyKeyword("FailedStep")
	AttributeFailureClass   = temporal.NewSearchAttributeKeyKeyword("FailureClass")
)

// StartAttributes are the search attributes that a run starts with. They are
// changed only when the run leaves the happy path: each change is an event and
// a write to the visibility store.
func StartAttributes(id tenant.ID) temporal.SearchAttributes {
	return temporal.NewSearchAttributes(
		AttributeTenantID.ValueSet(string(id)),
		AttributeOperationState.ValueSet(string(tenant.StateRunning)),
	)
}

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

// ActionResult answers an accepted action.
type ActionResult struct {
	Action tenant.Action `json:"action"`
	// State is the operation's state when the action was accepted.
	State tenant.State `json:"state"`
}

// ErrTypeActionRefused is the type of the error that answers a refused action;
// its details are a tenant.ActionRefusedError.
const ErrTypeActionRefused = "ActionRefused"

// ErrTypePlanChanged is the type of the error that answers a rollback whose
// plan has changed; its details are a tenant.PlanChangedError.
const ErrTypePlanChanged = "PlanChanged"

// ErrTypeActionInvalid is the type of the error that answers an action without
// an actor or a reason.
const ErrTypeActionInvalid = "ActionInvalid"

// ErrTypeRolledBack is the type of the error with which a rolled-back run
// closes.
const ErrTypeRolledBack = "RolledBack"
