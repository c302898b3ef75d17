package operations

import (
	"context"

	"tenant-provisioning/internal/tenant"
)

// explain notes what operations wait for without anybody having to act. It asks
// for more than the open incidents only while there are any. What was read is
// worth an answer also where that cannot be found out.
func (s *Service) explain(ctx context.Context, all []tenant.Operation) {
	open, err := s.config.Incidents.Open(ctx)
	if err == nil && len(open) > 0 {
		err = s.findWaits(ctx, open, all)
	}
	if err != nil {
		s.config.Logger.WarnContext(ctx, "cannot tell what operations wait for", "error", err)
	}
}

// findWaits notes which of the operations wait for which of the open incidents.
func (s *Service) findWaits(ctx context.Context, open []tenant.Incident, all []tenant.Operation) (err error) {
	var running []tenant.OperationID
	for _, o := range all {
		if o.State == tenant.StateRunning {
			running = append(running, o.ID)
		}
	}
	var done map[tenant.OperationID][]tenant.Step
	if len(running) > 0 {
		if done, err = s.config.Operations.CompletedSteps(ctx, running); err != nil {
			return err
		}
	}
	for n, o := range all {
		if i, stopped := o.StoppedBy(open, done[o.ID]); stopped {
			all[n].WaitingFor = i.WaitingFor()
		}
	}
	return nil
}

// explained is explain for the answer of a call.
func (s *Service) explained(ctx context.Context, o tenant.Operation, err error) (tenant.Operation, error) {
	if err != nil {
		return o, err
	}
	one := []tenant.Operation{o}
	s.explain(ctx, one)
	return one[0], nil
}

// TenantsWaiting tells which of these tenants wait for what without anybody
// having to act.
func (s *Service) TenantsWaiting(ctx context.Context, ids []tenant.ID) (map[tenant.ID]*tenant.WaitingFor, error) {
	open, err := s.config.Incidents.Open(ctx)
	if err != nil || len(open) == 0 {
		return nil, err
	}
	operations, err := s.config.Operations.Open(ctx, ids)
	if err != nil {
		return nil, err
	}
	if err := s.findWaits(ctx, open, operations); err != nil {
		return nil, err
	}
	waiting := map[tenant.ID]*tenant.WaitingFor{}
	for _, o := range operations {
		if o.WaitingFor != nil {
			waiting[o.TenantID] = o.WaitingFor
		}
	}
	return waiting, nil
}
