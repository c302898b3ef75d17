package operations

import (
	"context"

	"tenant-provisioning/internal/tenant"
)

// Tenant reads one tenant.
func (s *Service) Tenant(ctx context.Context, id tenant.ID) (tenant.Tenant, error) {
	return s.config.Tenants.Find(ctx, id)
}

// Tenants lists tenants, newest first.
func (s *Service) Tenants(ctx context.Context, f tenant.Filter) (tenant.Page[tenant.Tenant], error) {
	return s.config.Tenants.List(ctx, f)
}

// Operation reads one operation.
func (s *Service) Operation(ctx context.Context, id tenant.OperationID) (tenant.Operation, error) {
	o, err := s.config.Operations.Find(ctx, id)
	return s.explained(ctx, o, err)
}

// Operations lists operations, newest first.
func (s *Service) Operations(ctx context.Context, f tenant.OperationFilter) (tenant.Page[tenant.Operation], error) {
	page, err := s.config.Operations.List(ctx, f)
	if err == nil {
		s.explain(ctx, page.Items)
	}
	return page, err
}

// Progress tells how far a tenant's latest operation has come.
func (s *Service) Progress(ctx context.Context, id tenant.ID) (tenant.Progress, error) {
	p, err := s.config.Operations.Progress(ctx, id)
	p.Operation, err = s.explained(ctx, p.Operation, err)
	if err != nil {
		return tenant.Progress{}, err
	}
	p.Steps = stepProgress(p.Operation, p.Logs)
	return p, nil
}

// stepProgress sums the log up by step. What is done stays done, whatever an
// attempt says that comes late, unless it is being undone.
func stepProgress(o tenant.Operation, logs []tenant.LogEntry) []tenant.StepProgress {
	undone := o.State == tenant.StateRollingBack || o.State == tenant.StateRollbackBlocked || o.State == tenant.StateRolledBack
	steps := o.Lifecycle().Steps()
	progress := make([]tenant.StepProgress, len(steps))
	for i, step := range steps {
		p := tenant.StepProgress{Step: step}
		for _, l := range logs {
			if l.Step != step || p.Status == tenant.StepCompleted && !undone {
				continue
			}
			p.Status, p.ErrorClass, p.Error = l.Status, l.ErrorClass, l.Error
			if l.Status != tenant.StepRolledBack && l.Status != tenant.StepSkipped {
				p.Attempts, p.Duration = l.Attempt, l.Duration
			}
		}
		progress[i] = p
	}
	return progress
}
