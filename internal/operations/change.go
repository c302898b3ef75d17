package operations

import (
	"context"
	"errors"

	"tenant-provisioning/internal/tenant"
)

// actionChange is what the audit log calls a change of the administrator.
const actionChange = "change-administrator"

// ChangeAdministrator changes who gets a tenant's mail. ifVersion is the
// version that the change is based on; 0 takes any. It is audited whether made
// or refused.
//
// Errors: *tenant.InvalidError, tenant.ErrNotFound, tenant.ErrVersionMismatch,
// tenant.ErrAddressTaken, *tenant.RemovedError, tenant.ErrUnavailable.
func (s *Service) ChangeAdministrator(ctx context.Context, id tenant.ID, c tenant.AdministratorChange, ifVersion int64, who tenant.Caller) (tenant.Tenant, error) {
	e := tenant.AuditEntry{Actor: who.Actor, Claimed: who.Claimed, Action: actionChange, Outcome: tenant.OutcomeAccepted, Tenant: id}
	t, err := s.config.Tenants.ChangeAdministrator(ctx, id, c, ifVersion, e)
	if why := refusesChange(err); why != "" {
		if audited := s.RefusedChange(ctx, id, who, why); audited != nil {
			return tenant.Tenant{}, audited
		}
	}
	return t, err
}

// refusesChange says why a change is refused; empty where that is not what has gone
// wrong.
func refusesChange(err error) string {
	if removed, ok := errors.AsType[*tenant.RemovedError](err); ok {
		return removed.Error()
	}
	for _, refused := range []error{tenant.ErrVersionMismatch, tenant.ErrAddressTaken} {
		if errors.Is(err, refused) {
			return refused.Error()
		}
	}
	return ""
}

// RefusedChange has a change audited that was refused, also before it came to
// ChangeAdministrator: its sender may not make it, or it names no version that
// there could be.
func (s *Service) RefusedChange(ctx context.Context, id tenant.ID, who tenant.Caller, why string) error {
	return s.auditOfTenant(ctx, tenant.AuditEntry{
		Actor: who.Actor, Claimed: who.Claimed, Action: actionChange, Outcome: tenant.OutcomeRefused, Tenant: id, Detail: why,
	})
}

// auditOfTenant writes an entry about a tenant, if there is one: else the request
// would have touched nothing.
func (s *Service) auditOfTenant(ctx context.Context, e tenant.AuditEntry) error {
	_, err := s.config.Tenants.Find(ctx, e.Tenant)
	if errors.Is(err, tenant.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.config.Audit.Append(ctx, e)
}
