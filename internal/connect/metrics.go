package connect

import (
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/observe"
	"tenant-provisioning/internal/operations"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

// Metrics is what clients count of their work, and what they see of certificates. What
// is nil counts nothing.
type Metrics struct {
	Queries      prometheus.Observer
	Ledger       *observe.Ledger
	Mail         *observe.Mail
	Provisioning *observe.Provisioning
	Certificates *observe.Certificates
}

// NewMetrics makes those that each process has, on its registry.
func NewMetrics(registerer prometheus.Registerer) Metrics {
	return Metrics{
		Queries: observe.NewQueries(registerer), Mail: observe.NewMail(registerer), Certificates: observe.NewCertificates(registerer),
	}
}

// Provisioning makes what counts provisionings that end. It needs its Run.
func Provisioning(registerer prometheus.Registerer, pool *pgxpool.Pool, log *slog.Logger) *observe.Provisioning {
	return observe.NewProvisioning(registerer, postgres.NewOperations(pool).Timing, log)
}

// Nothing but these ends a provisioning, or makes its tenant active. They count when
// the commit was answered: an answer that was lost is counted by the repetition. What
// starter ends is not counted, since it is gone before anybody could scrape it.

// countedTransitions counts what a run writes of its operation.
type countedTransitions struct {
	*postgres.Transitions
	metrics *observe.Provisioning
}

func (t countedTransitions) Move(ctx context.Context, m tenant.Move) (tenant.Moved, error) {
	moved, err := t.Transitions.Move(ctx, m)
	if err == nil && m.To.Closed() && m.Fence.OfKind() == tenant.KindProvision {
		t.metrics.Ended(m.Fence.Operation, m.To)
	}
	return moved, err
}

func (t countedTransitions) MarkActive(ctx context.Context, f tenant.Fence) error {
	err := t.Transitions.MarkActive(ctx, f)
	if err == nil {
		t.metrics.Active(f.Operation)
	}
	return err
}

// countedEmails counts the provisionings that end with their mail.
type countedEmails struct {
	*postgres.Emails
	metrics *observe.Provisioning
}

func (e countedEmails) Complete(ctx context.Context, f tenant.Fence, w tenant.Email, r tenant.EmailReceipt) error {
	err := e.Emails.Complete(ctx, f, w, r)
	if err == nil && f.OfKind() == tenant.KindProvision {
		e.metrics.Ended(f.Operation, tenant.StateSucceeded)
	}
	return err
}

// countedOperations counts the provisionings that end before a run has taken them, and
// those whose mail is given up for a later operation.
type countedOperations struct {
	*postgres.Operations
	metrics *observe.Provisioning
}

func (o countedOperations) RollBackPending(ctx context.Context, op tenant.Operation, reason string, e tenant.AuditEntry) (bool, error) {
	done, err := o.Operations.RollBackPending(ctx, op, reason, e)
	if done && err == nil && op.Kind == tenant.KindProvision {
		o.metrics.Ended(op.ID, tenant.StateRolledBack)
	}
	return done, err
}

func (o countedOperations) Submit(ctx context.Context, s tenant.Submission) (tenant.Operation, error) {
	accepted, err := o.Operations.Submit(ctx, s)
	// A repetition finds another operation than its own.
	if err == nil && accepted.Supersedes == tenant.KindProvision && accepted.ID == s.Operation.ID {
		o.metrics.GaveWay()
	}
	return accepted, err
}

// The interfaces that they stand in for.
var (
	_ activities.OperationStore  = countedTransitions{}
	_ activities.ActivationStore = countedTransitions{}
	_ activities.Outbox          = countedEmails{}
	_ operations.OperationStore  = countedOperations{}
)
