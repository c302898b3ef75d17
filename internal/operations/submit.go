package operations

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/tracing"
)

// maxKeyLength is the longest Idempotency-Key, in bytes (Stripe's practice).
const maxKeyLength = 255

// idAttempts bounds the search for an id whose last eight hex digits no other
// tenant has: one in four thousand million has them.
const idAttempts = 5

// Create accepts a tenant and the operation that provisions it. Nothing is
// started here: the rows wait for a dispatcher. A repetition with the same
// idempotency key returns the first request's operation.
//
// Errors: *tenant.InvalidError, tenant.ErrNameTaken,
// tenant.ErrIdempotencyMismatch, tenant.ErrUnavailable.
func (s *Service) Create(ctx context.Context, n tenant.Spec, who tenant.Caller, idempotencyKey string) (tenant.Operation, error) {
	clean, err := n.Clean()
	if err != nil {
		return tenant.Operation{}, err
	}
	for range idAttempts {
		t, err := newTenant(clean)
		if err != nil {
			return tenant.Operation{}, err
		}
		o, err := s.submit(ctx, tenant.Submission{
			Operation: tenant.Operation{TenantID: t.ID, Kind: tenant.KindProvision}, New: &t, IdempotencyKey: idempotencyKey,
		}, clean, who)
		if !errors.Is(err, tenant.ErrIDCollision) {
			return o, err
		}
	}
	return tenant.Operation{}, &tenant.UnavailableError{Reason: "no free id was found for the tenant", Err: tenant.ErrIDCollision}
}

func newTenant(n tenant.Spec) (tenant.Tenant, error) {
	id, err := tenant.NewID()
	if err != nil {
		return tenant.Tenant{}, err
	}
	lifecycle, _ := tenant.KindProvision.Lifecycle()
	slug := tenant.Slug(n.Name)
	schema := tenant.SchemaName(slug, id)
	return tenant.Tenant{
		ID: id, Name: n.Name, Slug: slug, Schema: schema, Role: schema, Status: lifecycle.Waiting, Generation: 1,
		Administrator: n.Administrator, Tier: n.Tier, Region: n.Region,
	}, nil
}

// Submit accepts an operation of a tenant that is there. It is audited whether
// accepted or refused. A repetition with the same idempotency key returns the
// first request's operation.
//
// Errors: *tenant.InvalidError, tenant.ErrNotFound, *tenant.StatusRefusedError,
// *tenant.ForbiddenError, tenant.ErrNameTaken, tenant.ErrOwnNameTaken where a new
// name would help, *tenant.OperationOpenError, tenant.ErrOperationOpen where it has
// ended by now, tenant.ErrIdempotencyMismatch, tenant.ErrUnavailable.
func (s *Service) Submit(ctx context.Context, r tenant.Request, who tenant.Caller) (tenant.Operation, error) {
	return s.submitTo(ctx, r, r.Kind, who)
}

// Delete accepts what ends a tenant for the people who work with it: an archive or,
// where none of them ever could, the purge of what its provisioning has left. It is
// Submit otherwise.
func (s *Service) Delete(ctx context.Context, r tenant.Request, who tenant.Caller) (tenant.Operation, error) {
	t, err := s.config.Tenants.Find(ctx, r.Tenant)
	if err != nil {
		return tenant.Operation{}, err
	}
	r.Kind = t.Status.Deletion()
	return s.submitTo(ctx, r, tenant.KindArchive, who) // a repetition comes when the tenant has another status
}

// SubmitDue accepts the purges of tenants whose grace period is over and that
// nothing keeps, at most `most` of them.
func (s *Service) SubmitDue(ctx context.Context, most int) error {
	due, err := s.config.Purges.Due(ctx, most)
	if err != nil {
		return err
	}
	schedule := tenant.Caller{Client: tenant.ScheduleActor, Actor: tenant.ScheduleActor}
	var failed error
	for _, id := range due {
		o, err := s.Submit(ctx, tenant.Request{Kind: tenant.KindPurge, Tenant: id, Reason: "its grace period is over", OnlyDue: true}, schedule)
		if refusesSubmission(err) { // somebody was faster
			s.config.Logger.InfoContext(ctx, "a tenant that was due is not purged", "tenant", id, "because", err)
			continue
		}
		if err == nil {
			s.config.Logger.InfoContext(ctx, "the purge of a tenant is due", "tenant", id, "operation", o.ID)
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

// submitTo accepts an operation of a tenant that is there; askedKind is the one that a
// repetition would ask for.
func (s *Service) submitTo(ctx context.Context, r tenant.Request, askedKind tenant.Kind, who tenant.Caller) (tenant.Operation, error) {
	r, err := r.Clean()
	if err != nil {
		return tenant.Operation{}, err
	}
	asked := r
	asked.Kind = askedKind
	o, err := s.submit(ctx, tenant.Submission{
		Operation: tenant.Operation{TenantID: r.Tenant, Kind: r.Kind, NewName: r.NewName, Backup: r.Backup}, IdempotencyKey: r.IdempotencyKey, Reason: r.Reason, OnlyDue: r.OnlyDue,
	}, asked, who)
	lifecycle, _ := r.Kind.Lifecycle()
	switch {
	case errors.Is(err, tenant.ErrOperationOpen):
		err = s.nameOpen(ctx, r.Kind, r.Tenant, err)
	case errors.Is(err, tenant.ErrNameTaken) && lifecycle.Renames && r.NewName == "":
		err = tenant.ErrOwnNameTaken
	}
	if refusesSubmission(err) {
		if audited := s.auditOfTenant(ctx, refusedSubmission(r.Kind, r.Tenant, who, r.Reason, err.Error())); audited != nil {
			return tenant.Operation{}, audited
		}
	}
	return o, err
}

// nameOpen says which operation is in the way, if it still is.
func (s *Service) nameOpen(ctx context.Context, kind tenant.Kind, id tenant.ID, refused error) error {
	t, err := s.config.Tenants.Find(ctx, id)
	switch {
	case err != nil:
		return err
	case t.OpenOperation == nil:
		return refused
	}
	return &tenant.OperationOpenError{Kind: kind, Open: *t.OpenOperation}
}

// refusesSubmission tells the refusals among what can go wrong.
func refusesSubmission(err error) bool {
	if _, refused := errors.AsType[*tenant.StatusRefusedError](err); refused {
		return true
	}
	return errors.Is(err, tenant.ErrNameTaken) || errors.Is(err, tenant.ErrForbidden) || errors.Is(err, tenant.ErrOperationOpen) || errors.Is(err, tenant.ErrIdempotencyMismatch)
}

// submit records an operation, with what every kind has. request is all that was
// asked for.
func (s *Service) submit(ctx context.Context, sub tenant.Submission, request any, who tenant.Caller) (tenant.Operation, error) {
	if err := checkKey(sub.IdempotencyKey); err != nil {
		return tenant.Operation{}, err
	}
	id, err := tenant.NewOperationID()
	if err != nil {
		return tenant.Operation{}, err
	}
	if sub.Request, err = json.Marshal(request); err != nil {
		return tenant.Operation{}, fmt.Errorf("write the request down: %w", err)
	}
	sub.Actor, sub.Claimed, sub.Admin = who.Actor, who.Claimed, who.Admin
	sub.Operation.ID, sub.Operation.Client, sub.Operation.Trace = id, who.Client, tracing.Parent(ctx)
	sub.Operation.RetryBudget, sub.Operation.AttentionPeriod = s.config.RetryBudget, s.config.AttentionPeriod
	o, err := s.config.Operations.Submit(ctx, sub)
	return s.explained(ctx, o, err)
}

// RefusedSubmission has a request audited that was refused before it came to
// Submit: its sender may not make it.
func (s *Service) RefusedSubmission(ctx context.Context, kind tenant.Kind, id tenant.ID, who tenant.Caller, why string) error {
	return s.auditOfTenant(ctx, refusedSubmission(kind, id, who, "", why))
}

func refusedSubmission(kind tenant.Kind, id tenant.ID, who tenant.Caller, reason, why string) tenant.AuditEntry {
	return tenant.AuditEntry{
		Actor: who.Actor, Claimed: who.Claimed, Action: kind.Verb(), Outcome: tenant.OutcomeRefused, Tenant: id, Reason: reason, Detail: why,
	}
}

func checkKey(key string) error {
	if len(key) > maxKeyLength || strings.ContainsFunc(key, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) }) {
		return &tenant.InvalidError{Fields: []tenant.FieldError{{
			Field: "Idempotency-Key", Message: "must have 1 to 255 printable ASCII characters",
		}}}
	}
	return nil
}
