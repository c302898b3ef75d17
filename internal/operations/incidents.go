package operations

import (
	"context"

	"tenant-provisioning/internal/tenant"
)

// Incidents lists the newest 100 incidents, open ones first.
func (s *Service) Incidents(ctx context.Context) ([]tenant.Incident, error) {
	return s.config.Incidents.List(ctx)
}
