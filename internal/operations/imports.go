package operations

import (
	"context"
	"errors"

	"tenant-provisioning/internal/tenant"
)

// Import accepts a row of the replaced application as a tenant, or, where an earlier
// import of it was rolled back, its provisioning anew. One that is under way is
// returned as it is. As with Create, a repetition with the same key is the same one.
//
// Errors: *tenant.InvalidError, tenant.ErrNameTaken, tenant.ErrIdempotencyMismatch,
// tenant.ErrUnavailable, and those of Submit.
func (s *Service) Import(ctx context.Context, from string, row tenant.ImportRow, who tenant.Caller, idempotencyKey string) (tenant.Operation, error) {
	switch {
	case row.Tenant != nil && row.Tenant.OpenOperation != nil:
		return s.Operation(ctx, row.Tenant.OpenOperation.ID)
	case row.Tenant != nil:
		o, err := s.Submit(ctx, tenant.Request{Kind: tenant.KindProvision, Tenant: row.Tenant.ID, Reason: "imported again from " + from}, who)
		if open, ok := errors.AsType[*tenant.OperationOpenError](err); ok {
			return s.Operation(ctx, open.Open.ID)
		}
		return o, err
	}
	t, err := newTenant(row.Spec)
	if err != nil {
		return tenant.Operation{}, err
	}
	t.Schema = row.Schema // the role's name stays our own
	source := tenant.Import{From: from, SourceID: row.ID, Schema: row.Schema, Contract: row.Contract}
	o, err := s.submit(ctx, tenant.Submission{
		Operation: tenant.Operation{TenantID: t.ID, Kind: tenant.KindProvision}, New: &t, Import: &source, IdempotencyKey: idempotencyKey,
	}, struct {
		Spec   tenant.Spec
		Import tenant.Import
	}{row.Spec, source}, who)
	if errors.Is(err, tenant.ErrIDCollision) {
		err = &tenant.InvalidError{Fields: []tenant.FieldError{{Field: "schema", Message: "is another tenant's by now; run the import again"}}}
	}
	return o, err
}
