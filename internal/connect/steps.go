package connect

import (
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/incident"
	"tenant-provisioning/internal/invitation"
	"tenant-provisioning/internal/observe"
	"tenant-provisioning/internal/operations"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

// NeedBySteps is the sections of the configuration that Steps reads.
const NeedBySteps = config.NeedByWorker

// Steps are the activities with what they work on.
type Steps struct {
	Operation  *activities.Operation
	Schema     *activities.Schema
	Access     *activities.Access
	Contract   *activities.Contract
	Keeper     *activities.Keeper
	Activation *activities.Activation
	Email      *activities.Email
	Purge      *activities.Purge
	Fleet      *activities.Fleet
	Migration  *activities.Migration
	// Backup has no Starter yet, as the Reconciler has no Runs. Opening is nil where there
	// is no BACKUP_IDENTITY.
	Backup  *activities.Backup
	Opening *activities.Opening
	// Restore is what restores do that opens nothing.
	Restore *activities.Restore
	Logs    *activities.Logs
	// Reconciler has no Runs yet: they need a client of Temporal. Its Submitter
	// does not.
	Reconciler *activities.Reconciler
	// Maintenance does what windows do, and WindowNotices tells people of them.
	Maintenance   *activities.Maintenance
	WindowNotices *activities.WindowNotices
	// ConfirmNetwork asks the ledger whether it is of the configured network, and
	// nothing else: whether anything can be paid for is for Probes.
	ConfirmNetwork func(context.Context) error
	// Balances reads what the accounts on the ledger have, and Purse what was spent there.
	Balances func(context.Context) (observe.Balances, error)
	Purse    func(context.Context) (observe.Purse, error)
	// SchemaPool tells of the connections for schema work.
	SchemaPool func() observe.PoolStat
	// Probes ask the dependencies of the steps whether they work.
	Probes map[tenant.Dependency]incident.Probe

	schemas *postgres.Schemas
	store   *backup.Store
}

// Close gives back the connections for schema work, and the backup store.
func (s Steps) Close() {
	s.schemas.Close()
	if s.store != nil {
		_ = s.store.Close() // nothing is under way
	}
}

// NewSteps makes the activities on the database of a pool. Close them before it.
func NewSteps(ctx context.Context, cfg *config.Config, pool *pgxpool.Pool, log *slog.Logger, m Metrics) (Steps, error) {
	ledger, err := Ledger(cfg.Soroban, pool, log, m)
	if err != nil {
		return Steps{}, err
	}
	postman, err := Postman(cfg.Mail, log, m)
	if err != nil {
		return Steps{}, err
	}
	keys, err := invitationKeys(cfg.Invitation, postgres.NewInvitations(pool))
	if err != nil {
		return Steps{}, err
	}
	schemas, err := postgres.NewSchemas(ctx, pool)
	if err != nil {
		return Steps{}, err
	}
	restorer := postgres.NewRestorer(pool, schemas)
	backups, err := newBackups(ctx, cfg.Backup, postgres.NewBackups(pool, schemas), restorer)
	if err != nil {
		schemas.Close()
		return Steps{}, err
	}
	transitions, contracts := postgres.NewTransitions(pool), postgres.NewContracts(pool)
	counted := countedTransitions{transitions, m.Provisioning}
	incidents, writes := postgres.NewIncidents(pool), postgres.NewWriteProbe(pool)
	comparer, fleets := postgres.NewComparer(pool, schemas), postgres.NewFleets(pool)
	windows, keeper := postgres.NewWindows(pool), logKeeper(cfg.Provisioning, pool, backups)
	steps := Steps{
		Operation:  &activities.Operation{Store: counted, Audit: postgres.NewAuditLog(pool), Breaker: incidents, TakesWrites: writes.TakesWrites},
		Schema:     &activities.Schema{Store: schemas, Backups: backups, Failures: incidents},
		Access:     &activities.Access{Store: postgres.NewAccess(pool), Failures: incidents, Grace: cfg.Provisioning.DeleteGrace},
		Contract:   &activities.Contract{Store: contracts, Ledger: ledger, Failures: incidents},
		Keeper:     &activities.Keeper{Store: postgres.NewLives(pool, cfg.Soroban.Passphrase), Ledger: ledger},
		Activation: &activities.Activation{Store: counted, Failures: incidents},
		Email: &activities.Email{
			Outbox: countedEmails{postgres.NewEmails(pool), m.Provisioning}, Mailer: postman, Failures: incidents, InvitationKeys: keys,
			InvitationTTL: cfg.Provisioning.InvitationTTL, AppURL: cfg.App.TenantURL,
		},
		Purge:     &activities.Purge{Store: postgres.NewPurges(pool), Failures: incidents},
		Fleet:     &activities.Fleet{Store: fleets},
		Migration: &activities.Migration{Schemas: schemas, Items: activities.FleetItems{Store: fleets, Breaker: incidents}},
		Logs:      &activities.Logs{Keep: keeper.Run},
		Reconciler: &activities.Reconciler{
			Findings: postgres.NewFindings(pool), Comparer: comparer, Repairs: postgres.NewRepairs(pool, comparer),
			Operations: postgres.NewOperations(pool), Releaser: transitions, Schemas: schemas, Contracts: contracts,
			Ledger: ledger, Terminator: ledger, Submitter: submitter(cfg.Provisioning, pool, log, m),
		},
		WindowNotices:  &activities.WindowNotices{Outbox: windows, Mailer: postman},
		ConfirmNetwork: ledger.Check, Balances: ledger.Balances, Purse: ledger.Purse, SchemaPool: func() observe.PoolStat { return schemas.Stat() },
		Restore: &activities.Restore{Store: restorer, Failures: incidents},
		schemas: schemas,
	}
	steps.Probes = map[tenant.Dependency]incident.Probe{
		tenant.DependencyDatabase: writes.Probe, tenant.DependencyLedger: ledger.Probe, tenant.DependencyMail: postman.Probe, tenant.DependencySigner: ledger.ProbeSigner,
	}
	steps.Maintenance = &activities.Maintenance{
		Store: windows, Tasks: maintenanceTasks(pool, keeper), Policy: windowPolicy(cfg), Clock: windows.Now, Check: windowCheck(writes, incidents),
	}
	steps.addBackups(backups, activities.FleetItems{Store: fleets, Breaker: incidents}, incidents)
	return steps, nil
}

// addBackups adds what has to do with the store of backups.
func (s *Steps) addBackups(b *backups, items activities.FleetItems, failures activities.FailureLog) {
	s.Backup = &activities.Backup{Maker: b, Enabled: b.maker != nil, Items: items}
	if b.maker != nil {
		s.store = b.maker.Store
	}
	if b.operator != nil {
		s.Opening = &activities.Opening{Verifier: b, Restorer: b, Failures: failures, Driller: b, Items: items}
	}
}

// submitter accepts what the reconciler finds to be due.
func submitter(c config.Provisioning, pool *pgxpool.Pool, log *slog.Logger, m Metrics) *operations.Service {
	return Service(pool, operations.Config{RetryBudget: c.StepRetryBudget, AttentionPeriod: c.AttentionDeadline, Logger: log}, m)
}

func invitationKeys(c config.Invitation, invitations *postgres.Invitations) (*invitation.Keys, error) {
	own := make([]string, len(c.Secrets))
	for i, secret := range c.Secrets {
		own[i] = secret.Reveal()
	}
	return invitation.NewKeys(invitation.Secrets{Own: own, Tokens: c.TokenSecret.Reveal(), Kept: invitations.Key})
}
