// Package steps does the work of a provisioning without anything that keeps the state of
// a run: the same calls in the same order as the product's activities. The benchmark's
// plain loop calls them one after the other, and the peers in deploy/bench/peers have an
// engine call them. Whoever calls a step again gets the same result.
package steps

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/mail"
	"tenant-provisioning/internal/operations"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/tenant"
)

// Steps are the steps with what they work on.
type Steps struct {
	service     *operations.Service
	transitions *postgres.Transitions
	schemas     *postgres.Schemas
	contracts   *postgres.Contracts
	emails      *postgres.Emails
	ledger      *stellar.Deployer
	postman     *mail.Postman
	appURL      string
	run         string
}

// Step is one of them.
type Step struct {
	// Name is that of the product's activity.
	Name string
	Do   func(context.Context, tenant.Fence) error
}

// New makes the steps on a pool, by settings of the sections [connect.NeedBySteps]. They
// act as a run of the given name. Close them.
//
// No worker of the product may run beside them: it would do the same operations.
func New(ctx context.Context, cfg *config.Config, pool *pgxpool.Pool, log *slog.Logger, run string) (*Steps, error) {
	s := &Steps{
		service:     connect.Service(pool, operations.Config{Logger: log}, connect.Metrics{}),
		transitions: postgres.NewTransitions(pool), contracts: postgres.NewContracts(pool), emails: postgres.NewEmails(pool),
		appURL: cfg.App.TenantURL, run: run,
	}
	var err error
	if s.schemas, err = postgres.NewSchemas(ctx, pool); err != nil {
		return nil, err
	}
	if s.ledger, err = connect.Ledger(cfg.Soroban, pool, log, connect.Metrics{}); err == nil {
		s.postman, err = connect.Postman(cfg.Mail, log, connect.Metrics{})
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close gives back what the steps hold. The pool stays.
func (s *Steps) Close() { s.schemas.Close() }

// All are the steps in their order.
func (s *Steps) All() []Step {
	return []Step{
		{"CreateSchema", s.CreateSchema},
		{"DeployContract", s.DeployContract},
		{"MarkActive", s.MarkActive},
		{"SendWelcomeEmail", s.SendWelcomeEmail},
	}
}

// Accept writes a tenant and the operation that provisions it, and returns what the
// steps are about.
func (s *Steps) Accept(ctx context.Context, n tenant.Spec) (tenant.Fence, error) {
	o, err := s.service.Create(ctx, n, tenant.Caller{Client: "bench", Actor: "bench"}, "")
	if err != nil {
		return tenant.Fence{}, err
	}
	return tenant.Fence{Operation: o.ID, Tenant: o.TenantID, Generation: o.Generation, Run: s.run, State: tenant.StateRunning}, nil
}

// CreateSchema claims the operation for the run and makes the tenant's schema.
func (s *Steps) CreateSchema(ctx context.Context, f tenant.Fence) error {
	claim, err := s.transitions.Claim(ctx, f)
	if err != nil {
		return err
	}
	if !claim.Claimed {
		return errors.New("the operation belongs to another run: stop the worker that runs beside the benchmark")
	}
	return s.schemas.Create(ctx, f)
}

// DeployContract deploys the tenant's contract and stores its address.
func (s *Steps) DeployContract(ctx context.Context, f tenant.Fence) error {
	attempt, _, err := s.contracts.BeginDeployment(ctx, f)
	if err != nil {
		return err
	}
	id, err := s.ledger.Deploy(ctx, f, func(string) {})
	if err != nil {
		return fmt.Errorf("deploy: %w", err)
	}
	return s.contracts.CompleteDeployment(ctx, f, attempt, id)
}

// MarkActive makes the tenant active.
func (s *Steps) MarkActive(ctx context.Context, f tenant.Fence) error {
	return s.transitions.MarkActive(ctx, f)
}

// SendWelcomeEmail sends the mail. Its commit also ends the operation.
func (s *Steps) SendWelcomeEmail(ctx context.Context, f tenant.Fence) error {
	var token string
	w, err := s.emails.Begin(ctx, f, tenant.StepSendWelcomeEmail, func(t tenant.Tenant) tenant.Invitation {
		token = tenant.InvitationToken([]byte("benchmark"), f.Key(tenant.StepSendWelcomeEmail), t.Administrator.Email)
		return tenant.Invitation{TokenHash: tenant.HashToken(token), TTL: time.Hour}
	})
	if err != nil {
		return err
	}
	receipt, err := s.postman.SendEmail(ctx, w, s.appURL+"/invitations/"+token)
	if err != nil {
		return err
	}
	return s.emails.Complete(ctx, f, w, receipt)
}

// Pretend ends a provisioning of which the schema is made as one of a tenant that only
// the database knows: no contract is on the ledger, and no mail leaves. In the database
// it is as any other.
func (s *Steps) Pretend(ctx context.Context, f tenant.Fence) error {
	attempt, _, err := s.contracts.BeginDeployment(ctx, f)
	if err != nil {
		return err
	}
	if err := s.contracts.CompleteDeployment(ctx, f, attempt, "none, of a tenant that fills the database"); err != nil {
		return err
	}
	if err := s.transitions.MarkActive(ctx, f); err != nil {
		return err
	}
	_, err = s.transitions.Move(ctx, tenant.Move{
		Fence: f, From: tenant.StateRunning, To: tenant.StateSucceeded,
		Skipped: &tenant.Skipped{Steps: []tenant.Step{tenant.StepSendWelcomeEmail}, Reason: "the tenant fills the database"},
	})
	return err
}
