package operations

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"

	"tenant-provisioning/internal/tenant"
)

// OperationStore is the rows that operations are accepted into and read from.
type OperationStore interface {
	Submit(ctx context.Context, s tenant.Submission) (tenant.Operation, error)
	RollBackPending(ctx context.Context, o tenant.Operation, reason string, e tenant.AuditEntry) (bool, error)
	Find(ctx context.Context, id tenant.OperationID) (tenant.Operation, error)
	List(ctx context.Context, f tenant.OperationFilter) (tenant.Page[tenant.Operation], error)
	// Open lists the operations of these tenants that have not ended.
	Open(ctx context.Context, tenants []tenant.ID) ([]tenant.Operation, error)
	Progress(ctx context.Context, id tenant.ID) (tenant.Progress, error)
	Logs(ctx context.Context, id tenant.OperationID) ([]tenant.LogEntry, error)
	CompletedSteps(ctx context.Context, ids []tenant.OperationID) (map[tenant.OperationID][]tenant.Step, error)
}

// TenantStore is the rows of tenants.
type TenantStore interface {
	Find(ctx context.Context, id tenant.ID) (tenant.Tenant, error)
	List(ctx context.Context, f tenant.Filter) (tenant.Page[tenant.Tenant], error)
	ChangeAdministrator(ctx context.Context, id tenant.ID, c tenant.AdministratorChange, ifVersion int64, e tenant.AuditEntry) (tenant.Tenant, error)
	SetLegalHold(ctx context.Context, id tenant.ID, e tenant.AuditEntry) (tenant.Tenant, error)
	LiftLegalHold(ctx context.Context, id tenant.ID, e tenant.AuditEntry) (tenant.Tenant, error)
}

// PurgeStore knows whose grace period is over.
type PurgeStore interface {
	Due(ctx context.Context, limit int) ([]tenant.ID, error)
}

// AuditLog keeps who has asked for what.
type AuditLog interface {
	Append(ctx context.Context, e tenant.AuditEntry) error
	// Vouch notes that the actor of a request is who it says.
	Vouch(ctx context.Context, id tenant.OperationID, a tenant.Action, r tenant.ActionRequest) error
	ActionTaken(ctx context.Context, id tenant.OperationID, action tenant.Action, r tenant.ActionRequest) (bool, error)
}

// FindingStore is what the reconciler has found.
type FindingStore interface {
	// Now is the clock by which findings are dated.
	Now(ctx context.Context) (time.Time, error)
	Find(ctx context.Context, id tenant.FindingID) (tenant.Finding, error)
	Open(ctx context.Context) ([]tenant.Finding, error)
	RepairedSince(ctx context.Context, began time.Time) ([]tenant.Finding, error)
	Resolve(ctx context.Context, f tenant.Finding, to tenant.FindingState, who tenant.Caller, reason string) (bool, error)
}

// IncidentStore is the incidents.
type IncidentStore interface {
	List(ctx context.Context) ([]tenant.Incident, error)
	Open(ctx context.Context) ([]tenant.Incident, error)
}

// CapacityStore is what adding tenants uses up.
type CapacityStore interface {
	Standing(ctx context.Context) ([]tenant.Capacity, error)
	// Short lists what provisioning waits for.
	Short(ctx context.Context) ([]tenant.Capacity, error)
}

// RecordFinder finds what has happened, wherever it is kept.
type RecordFinder interface {
	Find(ctx context.Context, q tenant.RecordQuery) (tenant.Page[tenant.Record], error)
}

// WorkerStore is what workers tell of themselves.
type WorkerStore interface {
	State(ctx context.Context) (tenant.WorkerState, error)
}

// Defaults of Config.
const (
	// DefaultRetryBudget is how long a step is repeated before it asks for
	// attention: longer than a restart or a failover of what it needs.
	DefaultRetryBudget = 30 * time.Minute
	// DefaultAttentionPeriod is how long a person has to decide: a long
	// weekend.
	DefaultAttentionPeriod = 72 * time.Hour
)

// Config is what a Service works with.
type Config struct {
	Operations OperationStore
	Tenants    TenantStore
	Audit      AuditLog
	Findings   FindingStore
	Incidents  IncidentStore
	Capacity   CapacityStore
	Records    RecordFinder
	Purges     PurgeStore
	Workers    WorkerStore
	Windows    WindowStore
	// Temporal steers runs. It may be away: accepting and reading go on.
	Temporal client.Client
	// Namespace is Temporal's, and TaskQueue the main queue's name. Where only rows
	// are read, both may be empty.
	Namespace string
	TaskQueue string
	// RetryBudget and AttentionPeriod travel with each operation that is
	// accepted from now on.
	RetryBudget     time.Duration
	AttentionPeriod time.Duration
	// MaintenanceMode is that of windows without one of their own that a person begins.
	MaintenanceMode tenant.WindowMode
	Logger          *slog.Logger
}

// Service accepts, reads and steers operations.
type Service struct {
	config  Config
	limits  limits
	watches watches
}

// New makes a service. Zero durations take the defaults.
func New(c Config) *Service {
	if c.RetryBudget <= 0 {
		c.RetryBudget = DefaultRetryBudget
	}
	if c.AttentionPeriod <= 0 {
		c.AttentionPeriod = DefaultAttentionPeriod
	}
	c.MaintenanceMode = cmp.Or(c.MaintenanceMode, tenant.WindowNormal)
	s := &Service{config: c, limits: limits{update: updateTimeout, signal: signalTimeout, effect: effectTimeout}}
	s.watches.look = s.Operation
	return s
}
