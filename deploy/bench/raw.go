package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/mail"
	"tenant-provisioning/internal/operations"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/tenant"
)

// plain does the work of a run without one: the same calls in the same order,
// by a loop that forgets everything when it ends.
type plain struct {
	service     *operations.Service
	transitions *postgres.Transitions
	schemas     *postgres.Schemas
	contracts   *postgres.Contracts
	emails      *postgres.Emails
	ledger      *stellar.Deployer
	postman     *mail.Postman
	appURL      string
}

// measureRaw measures the plain loop. No worker may run beside it: it would
// start the operations as well.
func measureRaw(ctx context.Context, label string, n, concurrency int) (Result, error) {
	p, stop, err := newPlain(ctx)
	if err != nil {
		return Result{}, err
	}
	defer stop()
	return drive(ctx, label, n, concurrency, p.provision)
}

func newPlain(ctx context.Context) (p *plain, stop func(), err error) {
	cfg, err := config.Load(config.Options{}, connect.NeedBySteps)
	if err != nil {
		return nil, nil, err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	pool, err := connect.Database(ctx, cfg.DB, "bench", connect.Metrics{})
	if err != nil {
		return nil, nil, err
	}
	p = &plain{
		service:     connect.Service(pool, operations.Config{Logger: log}, connect.Metrics{}),
		transitions: postgres.NewTransitions(pool), contracts: postgres.NewContracts(pool), emails: postgres.NewEmails(pool),
		appURL: cfg.App.TenantURL,
	}
	if p.schemas, err = postgres.NewSchemas(ctx, pool); err != nil {
		pool.Close()
		return nil, nil, err
	}
	stop = func() { p.schemas.Close(); pool.Close() }
	if p.ledger, err = connect.Ledger(cfg.Soroban, pool, log, connect.Metrics{}); err != nil {
		stop()
		return nil, nil, err
	}
	if p.postman, err = connect.Postman(cfg.Mail, log, connect.Metrics{}); err != nil {
		stop()
		return nil, nil, err
	}
	return p, stop, nil
}

func (p *plain) provision(ctx context.Context, n tenant.Spec) (time.Duration, error) {
	began := time.Now()
	f, err := p.make(ctx, n)
	if err != nil {
		return 0, err
	}
	if err := p.deploy(ctx, f); err != nil {
		return 0, err
	}
	if err := p.transitions.MarkActive(ctx, f); err != nil {
		return 0, err
	}
	active := time.Since(began)
	return active, p.send(ctx, f)
}

// make accepts a tenant and makes its schema.
func (p *plain) make(ctx context.Context, n tenant.Spec) (tenant.Fence, error) {
	o, err := p.service.Create(ctx, n, tenant.Caller{Client: "bench", Actor: "bench"}, "")
	if err != nil {
		return tenant.Fence{}, err
	}
	f := tenant.Fence{Operation: o.ID, Tenant: o.TenantID, Generation: o.Generation, Run: "raw", State: tenant.StateRunning}
	if _, err := p.transitions.Claim(ctx, f); err != nil {
		return f, err
	}
	return f, p.schemas.Create(ctx, f)
}

// fill makes a tenant that only the database knows of: no contract is on the ledger,
// and no mail leaves. In the database it is as any other.
func (p *plain) fill(ctx context.Context, n tenant.Spec) (time.Duration, error) {
	began := time.Now()
	f, err := p.make(ctx, n)
	if err != nil {
		return 0, err
	}
	attempt, _, err := p.contracts.BeginDeployment(ctx, f)
	if err != nil {
		return 0, err
	}
	if err := p.contracts.CompleteDeployment(ctx, f, attempt, "none, of a tenant that fills the database"); err != nil {
		return 0, err
	}
	if err := p.transitions.MarkActive(ctx, f); err != nil {
		return 0, err
	}
	took := time.Since(began)
	_, err = p.transitions.Move(ctx, tenant.Move{
		Fence: f, From: tenant.StateRunning, To: tenant.StateSucceeded,
		Skipped: &tenant.Skipped{Steps: []tenant.Step{tenant.StepSendWelcomeEmail}, Reason: "the tenant fills the database"},
	})
	return took, err
}

func (p *plain) deploy(ctx context.Context, f tenant.Fence) error {
	attempt, _, err := p.contracts.BeginDeployment(ctx, f)
	if err != nil {
		return err
	}
	id, err := p.ledger.Deploy(ctx, f, func(string) {})
	if err != nil {
		return fmt.Errorf("deploy: %w", err)
	}
	return p.contracts.CompleteDeployment(ctx, f, attempt, id)
}

func (p *plain) send(ctx context.Context, f tenant.Fence) error {
	var token string
	w, err := p.emails.Begin(ctx, f, tenant.StepSendWelcomeEmail, func(t tenant.Tenant) tenant.Invitation {
		token = tenant.InvitationToken([]byte("benchmark"), f.Key(tenant.StepSendWelcomeEmail), t.Administrator.Email)
		return tenant.Invitation{TokenHash: tenant.HashToken(token), TTL: time.Hour}
	})
	if err != nil {
		return err
	}
	receipt, err := p.postman.SendEmail(ctx, w, p.appURL+"/invitations/"+token)
	if err != nil {
		return err
	}
	return p.emails.Complete(ctx, f, w, receipt)
}
