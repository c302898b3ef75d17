package operations

import (
	"context"
	"errors"

	"tenant-provisioning/internal/tenant"
)

// StandbyStore is the stock of tenants that are made ahead.
type StandbyStore interface {
	Standing(ctx context.Context) (tenant.StandbyStock, error)
}

// Standbys tells how the stock stands.
func (s *Service) Standbys(ctx context.Context) (tenant.StandbyStock, error) {
	return s.config.Standbys.Standing(ctx)
}

// Prepare accepts n standbys, each with the operation that makes it.
//
// Errors: tenant.ErrUnavailable.
func (s *Service) Prepare(ctx context.Context, n int, who tenant.Caller) error {
	lifecycle, _ := tenant.KindPrepare.Lifecycle()
	for range n {
		err := s.withFreeID(tenant.Spec{}, lifecycle.Waiting, func(t tenant.Tenant) error {
			_, err := s.submit(ctx, tenant.Submission{
				Operation: tenant.Operation{TenantID: t.ID, Kind: tenant.KindPrepare}, New: &t, Reason: "made ahead", Standby: true,
			}, nil, who)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// PurgeStandbys accepts the purge of standbys. One that a request has taken meanwhile, or
// that is being purged, is left alone.
//
// Errors: tenant.ErrUnavailable.
func (s *Service) PurgeStandbys(ctx context.Context, ids []tenant.ID, reason string, who tenant.Caller) error {
	for _, id := range ids {
		_, err := s.submit(ctx, tenant.Submission{
			Operation: tenant.Operation{TenantID: id, Kind: tenant.KindPurge}, Reason: reason, Standby: true,
		}, nil, who)
		if err != nil && !refusesSubmission(err) && !errors.Is(err, tenant.ErrNotFound) {
			return err
		}
	}
	return nil
}
