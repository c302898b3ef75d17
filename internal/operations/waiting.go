package operations

import (
	"context"

	"tenant-provisioning/internal/tenant"
)

// obstacles are what operations wait for without anybody having to act on them.
type obstacles struct {
	incidents []tenant.Incident
	// window is the read-only one that is under way; its id is empty when none is.
	window tenant.Window
	short  []tenant.Capacity
}

func (o obstacles) none() bool {
	return len(o.incidents) == 0 && o.window.ID == "" && len(o.short) == 0
}

func (s *Service) obstacles(ctx context.Context) (o obstacles, err error) {
	if o.incidents, err = s.config.Incidents.Open(ctx); err != nil {
		return o, err
	}
	if o.window, err = s.config.Windows.ReadOnly(ctx); err != nil {
		return o, err
	}
	o.short, err = s.config.Capacity.Short(ctx)
	return o, err
}

// explain notes what operations wait for without anybody having to act. It asks
// for more than what stands in the way only while anything does. What was read is
// worth an answer also where that cannot be found out.
func (s *Service) explain(ctx context.Context, all []tenant.Operation) {
	there, err := s.obstacles(ctx)
	if err == nil && !there.none() {
		err = s.findWaits(ctx, there, all)
	}
	if err != nil {
		s.config.Logger.WarnContext(ctx, "cannot tell what operations wait for", "error", err)
	}
}

// findWaits notes which of the operations wait for what.
func (s *Service) findWaits(ctx context.Context, there obstacles, all []tenant.Operation) (err error) {
	var running []tenant.OperationID
	for _, o := range all {
		if o.State == tenant.StateRunning && len(there.incidents) > 0 {
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
		i, stopped := o.StoppedBy(there.incidents, done[o.ID])
		switch {
		case stopped:
			all[n].WaitingFor = i.WaitingFor()
		case there.window.ID != "" && o.WaitsItsTurn():
			all[n].WaitingFor = there.window.WaitingFor()
		case len(there.short) > 0 && o.WaitsForRoom():
			all[n].WaitingFor = there.short[0].WaitingFor()
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
	there, err := s.obstacles(ctx)
	if err != nil || there.none() {
		return nil, err
	}
	operations, err := s.config.Operations.Open(ctx, ids)
	if err != nil {
		return nil, err
	}
	if err := s.findWaits(ctx, there, operations); err != nil {
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
