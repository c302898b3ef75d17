package operations

import (
	"context"

	"tenant-provisioning/internal/tenant"
)

// SetLegalHold keeps a tenant from being purged until it is lifted. Setting it again
// changes who does so, since when and why. It is audited whether made or refused.
//
// Errors: *tenant.InvalidError, tenant.ErrNotFound, *tenant.RemovedError,
// tenant.ErrUnavailable.
func (s *Service) SetLegalHold(ctx context.Context, id tenant.ID, reason string, who tenant.Caller) (tenant.Tenant, error) {
	return s.changeHold(ctx, tenant.ActionSetHold, s.config.Tenants.SetLegalHold, id, reason, who)
}

// LiftLegalHold ends a legal hold; a tenant without one stays as it is. Errors are
// those of SetLegalHold.
func (s *Service) LiftLegalHold(ctx context.Context, id tenant.ID, reason string, who tenant.Caller) (tenant.Tenant, error) {
	return s.changeHold(ctx, tenant.ActionLiftHold, s.config.Tenants.LiftLegalHold, id, reason, who)
}

func (s *Service) changeHold(ctx context.Context, action string, change func(context.Context, tenant.ID, tenant.AuditEntry) (tenant.Tenant, error),
	id tenant.ID, reason string, who tenant.Caller,
) (tenant.Tenant, error) {
	request, err := tenant.ActionRequest{Actor: who.Actor, Reason: reason}.Clean()
	if err != nil {
		return tenant.Tenant{}, err
	}
	t, err := change(ctx, id, holdEntry(action, id, who, tenant.OutcomeAccepted, request.Reason, ""))
	if why := refusesChange(err); why != "" {
		if audited := s.auditOfTenant(ctx, holdEntry(action, id, who, tenant.OutcomeRefused, request.Reason, why)); audited != nil {
			return tenant.Tenant{}, audited
		}
	}
	return t, err
}

// RefusedHold has a change of a legal hold audited that its sender may not make.
func (s *Service) RefusedHold(ctx context.Context, action string, id tenant.ID, who tenant.Caller, why string) error {
	return s.auditOfTenant(ctx, holdEntry(action, id, who, tenant.OutcomeRefused, "", why))
}

func holdEntry(action string, id tenant.ID, who tenant.Caller, outcome, reason, detail string) tenant.AuditEntry {
	return tenant.AuditEntry{Actor: who.Actor, Claimed: who.Claimed, Action: action, Outcome: outcome, Tenant: id, Reason: reason, Detail: detail}
}
