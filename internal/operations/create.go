package operations

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"tenant-provisioning/internal/tenant"
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
func (s *Service) Create(ctx context.Context, n tenant.New, who tenant.Caller, idempotencyKey string) (tenant.Operation, error) {
	clean, err := n.Clean()
	if err != nil {
		return tenant.Operation{}, err
	}
	if err := checkKey(idempotencyKey); err != nil {
		return tenant.Operation{}, err
	}
	hash, err := requestHash(clean)
	if err != nil {
		return tenant.Operation{}, err
	}
	for range idAttempts {
		a, err := s.acceptance(clean, who)
		if err != nil {
			return tenant.Operation{}, err
		}
		a.IdempotencyKey, a.RequestHash = idempotencyKey, hash
		o, err := s.config.Store.Accept(ctx, a)
		if !errors.Is(err, tenant.ErrIDCollision) {
			return s.explained(ctx, o, err)
		}
	}
	return tenant.Operation{}, &tenant.UnavailableError{Reason: "no free id was found for the tenant", Err: tenant.ErrIDCollision}
}

func (s *Service) acceptance(n tenant.New, who tenant.Caller) (tenant.Acceptance, error) {
	id, err := tenant.NewID()
	if err != nil {
		return tenant.Acceptance{}, err
	}
	operationID, err := tenant.NewOperationID()
	if err != nil {
		return tenant.Acceptance{}, err
	}
	slug := tenant.Slug(n.Name)
	schema := tenant.SchemaName(slug, id)
	return tenant.Acceptance{
		Tenant: tenant.Tenant{
			ID: id, Name: n.Name, Slug: slug, Schema: schema, Role: schema, Generation: 1,
			Administrator: n.Administrator, Tier: n.Tier, Region: n.Region,
		},
		Operation: tenant.Operation{
			ID: operationID, TenantID: id, Kind: tenant.KindProvision, Client: who.Client,
			RetryBudget: s.config.RetryBudget, AttentionPeriod: s.config.AttentionPeriod,
		},
		Actor: who.Actor, Claimed: who.Claimed,
	}, nil
}

func checkKey(key string) error {
	if len(key) > maxKeyLength || strings.ContainsFunc(key, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) }) {
		return &tenant.InvalidError{Fields: []tenant.FieldError{{
			Field: "Idempotency-Key", Message: "must have 1 to 255 printable ASCII characters",
		}}}
	}
	return nil
}

// requestHash tells whether two requests ask for the same.
func requestHash(n tenant.New) ([]byte, error) {
	b, err := json.Marshal(n)
	if err != nil {
		return nil, fmt.Errorf("hash the request: %w", err)
	}
	sum := sha256.Sum256(b)
	return sum[:], nil
}
