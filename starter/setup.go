package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/operations"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/temporalclient"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

func (a *app) setup() *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Make Temporal and the Stellar network ready: namespace, contract code, accounts",
		Long: `Make Temporal and the Stellar network ready: the namespace and its search
attributes; the contract's code and the channel accounts. It does what is
missing, so it may be run twice, and after a change of SOROBAN_CHANNELS or of
the contract it has to be. The database must be migrated before: starter migrate.`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, _ []string) error {
		cfg, err := a.load(config.NeedDB | config.NeedTemporal | config.NeedSoroban | config.NeedSchedule)
		if err != nil {
			return err
		}
		done := output.Setup{Done: []string{}}
		report := func(text string) {
			a.say("%s", text)
			done.Done = append(done.Done, text)
		}
		logger := a.logger(cfg)
		if err := a.setupTemporal(cmd.Context(), cfg, logger, wait, report); err != nil {
			return err
		}
		if err := a.setupStellar(cmd.Context(), cfg, logger, wait, report); err != nil {
			return err
		}
		return a.answer(done)
	})
	waitFlag(cmd, &wait)
	return cmd
}

func (a *app) setupTemporal(ctx context.Context, cfg *config.Config, logger *slog.Logger, wait time.Duration, report func(string)) error {
	temporalClient, err := connect.Temporal(cfg.Temporal, logger, nil, connect.Metrics{})
	if err != nil {
		return err
	}
	defer temporalClient.Close()
	// Setup itself waits for the server, as long as it is let.
	limited, cancel := context.WithTimeoutCause(ctx, max(wait, temporalAnswer), fmt.Errorf("TEMPORAL_ADDRESS %s was not ready within %s", cfg.Temporal.Address, max(wait, temporalAnswer)))
	defer cancel()
	err = temporalclient.Setup(limited, temporalClient, connect.Namespace(cfg.Temporal))
	if err != nil {
		return err
	}
	report(fmt.Sprintf("the Temporal namespace %s and its search attributes are there", cfg.Temporal.Namespace))
	return operations.Schedule(limited, temporalClient, cfg.Temporal.TaskQueue, operations.Daily(cfg.BackupSchedule), report)
}

// temporalAnswer is what a namespace needs to be known to every process of a
// server that is up.
const temporalAnswer = 15 * time.Second

func (a *app) setupStellar(ctx context.Context, cfg *config.Config, logger *slog.Logger, wait time.Duration, report func(string)) error {
	pool, err := openDatabase(ctx, cfg)
	if err != nil {
		return err
	}
	defer pool.Close()
	health, err := postgres.NewHealth(pool)
	if err != nil {
		return err
	}
	if err := a.until(ctx, wait, "PostgreSQL", health.Ping); err != nil {
		return err
	}
	deployer, err := connect.Ledger(cfg.Soroban, pool, logger, connect.Metrics{})
	if err != nil {
		return fmt.Errorf("prepare the deployer: %w", err)
	}
	if err := a.until(ctx, wait, "the Stellar RPC server", deployer.Check); err != nil {
		return plainly(err)
	}
	// A server that goes away meanwhile is waited for as one that is not up yet.
	report = once(report)
	return plainly(a.until(ctx, wait, "the Stellar network", func(ctx context.Context) error {
		return deployer.Setup(ctx, report)
	}))
}

// once passes each text on when it comes for the first time: a repeated attempt finds
// what the one before has found.
func once(report func(string)) func(string) {
	told := map[string]bool{}
	return func(text string) {
		if !told[text] {
			told[text] = true
			report(text)
		}
	}
}

// plainly gives a failure's reason alone: the step that its error names is one
// of a provisioning, of which there is none here.
func plainly(err error) error {
	const doing = "make the Stellar network ready"
	var step *tenant.StepError
	switch {
	case errors.As(err, &step) && step.Err != nil:
		return fmt.Errorf("%s: %s: %w", doing, step.Reason, step.Err)
	case errors.As(err, &step):
		return fmt.Errorf("%s: %s", doing, step.Reason)
	case err != nil:
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}
