package connect

import (
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/incident"
	"tenant-provisioning/internal/invitation"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

// NeedBySteps is the sections of the configuration that Steps reads.
const NeedBySteps = config.NeedByWorker

// Steps are the activities with what they work on.
type Steps struct {
	Operation  *activities.Operation
	Schema     *activities.Schema
	Contract   *activities.Contract
	Activation *activities.Activation
	Email      *activities.Email
	// Reconciler has no Runs yet: they need a client of Temporal.
	Reconciler *activities.Reconciler
	// ConfirmNetwork asks the ledger whether it is of the configured network, and
	// nothing else: whether anything can be paid for is for Probes.
	ConfirmNetwork func(context.Context) error
	// Probes ask the dependencies of the steps whether they work.
	Probes map[tenant.Dependency]incident.Probe
}

// NewSteps makes the activities on a store and its pool.
func NewSteps(cfg *config.Config, pool *pgxpool.Pool, store *postgres.Store, log *slog.Logger) (Steps, error) {
	ledger, err := Ledger(cfg.Soroban, pool, log)
	if err != nil {
		return Steps{}, err
	}
	postman, err := Postman(cfg.Mail, log)
	if err != nil {
		return Steps{}, err
	}
	keys, err := invitationKeys(cfg.Invitation, store)
	if err != nil {
		return Steps{}, err
	}
	return Steps{
		Operation:  &activities.Operation{Store: store},
		Schema:     &activities.Schema{Store: store},
		Contract:   &activities.Contract{Store: store, Ledger: ledger},
		Activation: &activities.Activation{Store: store},
		Email: &activities.Email{
			Outbox: store, Mailer: postman, InvitationKeys: keys,
			InvitationTTL: cfg.Provisioning.InvitationTTL, AppURL: cfg.App.TenantURL,
		},
		Reconciler:     &activities.Reconciler{Store: store, Repairs: store, Ledger: ledger, Terminator: ledger},
		ConfirmNetwork: ledger.Check,
		Probes: map[tenant.Dependency]incident.Probe{
			tenant.DependencyDatabase: store.ProbeDatabase,
			tenant.DependencyLedger:   ledger.Probe,
			tenant.DependencyMail:     postman.Probe,
		},
	}, nil
}

func invitationKeys(c config.Invitation, store *postgres.Store) (*invitation.Keys, error) {
	own := make([]string, len(c.Secrets))
	for i, secret := range c.Secrets {
		own[i] = secret.Reveal()
	}
	return invitation.NewKeys(invitation.Secrets{Own: own, Tokens: c.TokenSecret.Reveal(), Kept: store.InvitationKey})
}
