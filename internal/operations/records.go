package operations

import (
	"context"

	"tenant-provisioning/internal/tenant"
)

// Records tells what has happened, the earliest first.
func (s *Service) Records(ctx context.Context, q tenant.RecordQuery) (tenant.Page[tenant.Record], error) {
	return s.config.Records.Find(ctx, q)
}
