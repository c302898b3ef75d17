package activities

import (
	"context"

	"tenant-provisioning/internal/tenant"
)

// SchemaStore makes and drops tenants' schemas.
type SchemaStore interface {
	Create(ctx context.Context, f tenant.Fence) error
	Drop(ctx context.Context, f tenant.Fence) error
	// Remove is Drop for good, also of a tenant that was active.
	Remove(ctx context.Context, f tenant.Fence) error
}

// BackupDestroyer has nothing bring a tenant's data back.
type BackupDestroyer interface {
	// Destroy destroys the key of the tenant's backups, and then the backups. Repeated
	// it finds less.
	Destroy(ctx context.Context, f tenant.Fence) error
}

// Schema covers CREATE_SCHEMA, RUN_MIGRATIONS, SEED_ROLES_AND_USER and DROP_SCHEMA.
type Schema struct {
	Store SchemaStore
	// Backups may be nil: then there are none.
	Backups  BackupDestroyer
	Failures FailureLog
}

// CreateSchema makes the tenant's role, schema, tables, roles and first
// administrator in one transaction: it is there as a whole or not at all, and
// a repetition finds its ownership row.
func (a *Schema) CreateSchema(ctx context.Context, f tenant.Fence, b Budget) error {
	return attempt(ctx, a.Failures, f, b, tenant.StepCreateSchema, func(ctx context.Context, _ *tenant.AttemptID) error {
		return a.Store.Create(ctx, f)
	})
}

// DropSchema undoes CreateSchema, also where it never ran. It drops only what
// this generation made for a tenant that was never active.
func (a *Schema) DropSchema(ctx context.Context, f tenant.Fence, b Budget) error {
	return attempt(ctx, a.Failures, f, b, tenant.StepCreateSchema, func(ctx context.Context, _ *tenant.AttemptID) error {
		return a.Store.Drop(ctx, f)
	})
}

// RemoveSchema drops the tenant's schema and role for good, and before them the backups
// and the key that opens them. What is gone already is no error.
func (a *Schema) RemoveSchema(ctx context.Context, f tenant.Fence, b Budget) error {
	return attempt(ctx, a.Failures, f, b, tenant.StepDropSchema, func(ctx context.Context, _ *tenant.AttemptID) error {
		if a.Backups != nil {
			if err := a.Backups.Destroy(ctx, f); err != nil {
				return err
			}
		}
		return a.Store.Remove(ctx, f)
	})
}
