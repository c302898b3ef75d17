package operations

import (
	"context"

	"tenant-provisioning/internal/tenant"
)

// Records tells what has happened, the earliest first, and whether there is more than the
// query's limit.
func (s *Service) Records(ctx context.Context, q tenant.RecordQuery) (found []tenant.Record, more bool, err error) {
	return s.config.Records.Find(ctx, q)
}
