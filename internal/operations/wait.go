package operations

import (
	"context"
	"errors"
	"time"

	"tenant-provisioning/internal/tenant"
)

// Wait returns as soon as the operation is closed or waits for a person, or
// with what it is after atMost. Any number may wait for an operation at the
// cost of one.
func (s *Service) Wait(ctx context.Context, id tenant.OperationID, atMost time.Duration) (tenant.Operation, error) {
	w := s.watches.join(id)
	defer s.watches.leave(id, w)
	end := time.NewTimer(atMost)
	defer end.Stop()
	var seen *sighting
	var over bool
	for {
		select {
		case now := <-w.news:
			if now.err != nil || over || now.operation.State.Settled() {
				return now.operation, now.err
			}
			seen = &now
		case <-end.C:
			if seen != nil {
				return seen.operation, nil
			}
			over = true // the first look is on its way
		case <-ctx.Done():
			if seen != nil && errors.Is(ctx.Err(), context.Canceled) {
				return seen.operation, nil // the caller is gone, or the process is stopping
			}
			return tenant.Operation{}, ctx.Err()
		}
	}
}

// Announce tells waiting callers that an operation has changed. An empty id
// means that any may have.
func (s *Service) Announce(id tenant.OperationID, _ tenant.State) { s.watches.announce(id) }
