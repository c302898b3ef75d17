package operations

import (
	"context"

	"tenant-provisioning/internal/tenant"
)

// Capacity tells how it stands with what adding tenants uses up.
func (s *Service) Capacity(ctx context.Context) ([]tenant.Capacity, error) {
	return s.config.Capacity.Standing(ctx)
}
