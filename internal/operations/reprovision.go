package operations

import (
	"context"
	"crypto/sha256"
	"errors"

	"tenant-provisioning/internal/tenant"
)

// ActionReprovision is what the audit log calls it.
const ActionReprovision = "reprovision"

// Reprovision provisions a FAILED tenant anew: the same id, schema and role, in
// the next generation, and so with another contract. It is audited whether
// accepted or refused. A repetition with the same idempotency key returns the
// first request's operation.
//
// Errors: *tenant.InvalidError, tenant.ErrNotFound, tenant.ErrNotFailed,
// tenant.ErrNameTaken, tenant.ErrOperationOpen, tenant.ErrIdempotencyMismatch,
// tenant.ErrUnavailable.
func (s *Service) Reprovision(ctx context.Context, id tenant.ID, reason string, who tenant.Caller, idempotencyKey string) (tenant.Operation, error) {
	if reason != "" {
		r, err := tenant.ActionRequest{Actor: "-", Reason: reason}.Clean()
		if err != nil {
			return tenant.Operation{}, err
		}
		reason = r.Reason
	}
	if err := checkKey(idempotencyKey); err != nil {
		return tenant.Operation{}, err
	}
	operationID, err := tenant.NewOperationID()
	if err != nil {
		return tenant.Operation{}, err
	}
	hash := sha256.Sum256([]byte(ActionReprovision + "\n" + string(id)))
	o, err := s.config.Store.Reprovision(ctx, tenant.Reprovisioning{
		Tenant: id,
		Operation: tenant.Operation{
			ID: operationID, TenantID: id, Kind: tenant.KindProvision, Client: who.Client,
			RetryBudget: s.config.RetryBudget, AttentionPeriod: s.config.AttentionPeriod,
		},
		IdempotencyKey: idempotencyKey, RequestHash: hash[:], Actor: who.Actor, Claimed: who.Claimed, Reason: reason,
	})
	for _, refused := range []error{tenant.ErrNotFailed, tenant.ErrNameTaken, tenant.ErrOperationOpen, tenant.ErrIdempotencyMismatch} {
		if !errors.Is(err, refused) {
			continue
		}
		if audited := s.auditOfTenant(ctx, refusedReprovision(id, who, reason, err.Error())); audited != nil {
			return tenant.Operation{}, audited
		}
	}
	return s.explained(ctx, o, err)
}

// RefusedReprovision has a request audited that was refused before it came to
// Reprovision: its sender may not make it.
func (s *Service) RefusedReprovision(ctx context.Context, id tenant.ID, who tenant.Caller, why string) error {
	return s.auditOfTenant(ctx, refusedReprovision(id, who, "", why))
}

func refusedReprovision(id tenant.ID, who tenant.Caller, reason, why string) tenant.AuditEntry {
	return tenant.AuditEntry{
		Actor: who.Actor, Claimed: who.Claimed, Action: ActionReprovision, Outcome: tenant.OutcomeRefused, Tenant: id,
		Reason: reason, Detail: why,
	}
}
