package runner

import (
	"cmp"
	"time"

	"go.temporal.io/sdk/temporal"

	"tenant-provisioning/internal/tenant"
)

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

// RestoreQueue is the queue of what opens backups, beside the main one: only a worker
// with BACKUP_IDENTITY polls it.
func RestoreQueue(main string) string { return main + "-restore" }

// Input is what a run needs to know. It holds ids only: the rest is read from
// the database by the steps. Its JSON is frozen: runs that are under way have
// recorded it.
type Input struct {
	// Kind is empty for a provisioning.
	Kind       tenant.Kind        `json:"kind,omitempty"`
	Tenant     tenant.ID          `json:"tenant"`
	Operation  tenant.OperationID `json:"operation"`
	Generation int                `json:"generation"`
	// FromStatus and ToStatus are the tenant's status at the acceptance and after the
	// pivot; both empty for a provisioning.
	FromStatus tenant.Status `json:"fromStatus,omitempty"`
	ToStatus   tenant.Status `json:"toStatus,omitempty"`
	// RetryBudget is how long a step is repeated before it asks for attention.
	RetryBudget time.Duration `json:"retryBudget"`
	// AttentionPeriod is how long a person has to decide.
	AttentionPeriod time.Duration `json:"attentionPeriod"`
	Queues          Queues        `json:"queues"`
}

// kind is the operation's kind.
func (in Input) kind() tenant.Kind { return cmp.Or(in.Kind, tenant.KindProvision) }

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
