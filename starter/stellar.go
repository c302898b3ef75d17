package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

func (a *app) stellar() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "stellar",
		Short: "Look after what the installation has on the Stellar network",
		Long: `Look after what the installation has on the Stellar network: the accounts that pay,
the channel accounts, the contract's code and the tenants' contracts.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.started = true
			return cmd.Help()
		},
	}
	cmd.AddCommand(a.stellarStatus(), a.stellarChannels(), a.stellarUpgrade(), a.stellarHandOver())
	return cmd
}

// ledger is what these commands work with.
type ledger struct {
	*stellar.Deployer
	pool    *pgxpool.Pool
	journal *postgres.StellarJournal
	network string
}

func (a *app) ledger(ctx context.Context) (*ledger, error) {
	cfg, err := a.load(config.NeedDB | config.NeedSoroban)
	if err != nil {
		return nil, err
	}
	pool, err := openDatabase(ctx, cfg)
	if err != nil {
		return nil, err
	}
	health, err := postgres.NewHealth(pool)
	if err == nil {
		err = health.Ping(ctx)
	}
	if err != nil {
		pool.Close()
		return nil, err
	}
	deployer, err := connect.Ledger(cfg.Soroban, pool, a.logger(cfg), connect.Metrics{})
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &ledger{Deployer: deployer, pool: pool, journal: postgres.NewStellarJournal(pool), network: cfg.Soroban.Passphrase}, nil
}

// spendingPeriod is by what the days are counted that a balance lasts.
const spendingPeriod = 30 * 24 * time.Hour

func (a *app) stellarStatus() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the network, what it costs, the accounts, open transactions, and how long entries live",
		Long: `Show how the installation stands on the Stellar network: the network and its newest
ledger, what a contract costs now and what may be spent, the balances in XLM and in
days, the channel accounts, transactions whose fate is not known yet, and how long
code and contracts live before they are archived.

Nothing is sent. With a server that is away, what the database knows is shown, and
the exit code is 1.`,
		Example: `  starter stellar status
  starter stellar status --output json | jq '.accounts[].xlm'`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, _ []string) error {
		ctx := cmd.Context()
		l, err := a.ledger(ctx)
		if err != nil {
			return err
		}
		defer l.pool.Close()
		facts, err := postgres.NewFacts(l.pool)
		if err != nil {
			return err
		}
		month, err := facts.Spending(ctx, l.network, spendingPeriod)
		if err != nil {
			return err
		}
		contracts, err := postgres.NewLives(l.pool, l.network).ContractsToKeep(ctx)
		if err != nil {
			return err
		}
		doubts, err := l.journal.Doubts(ctx, l.network)
		if err != nil {
			return err
		}
		days := max(month.Over, 24*time.Hour).Hours() / 24 // an installation's first hours are no pace
		report, failed := l.Report(ctx, contracts, int64(float64(month.Stroops)/days))
		if err := a.answer(output.NewLedger(report, doubts, because(failed))); err != nil {
			return err
		}
		if failed != nil {
			return errors.New(because(failed))
		}
		return nil
	})
	return cmd
}

func (a *app) stellarChannels() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "channels",
		Short: "List the channel accounts, make them, set one aside or bring it back",
		Long: `List the channel accounts, whose sequence numbers let transactions go side by side:
whether each is on the ledger, free or at work, or set aside, and why.

One that takes other signers than SOROBAN_CHANNEL_SECRET's own key is set aside by
itself at the first transaction that the network refuses for it.`,
		Example: `  starter stellar channels
  starter stellar channels make
  starter stellar channels bring-back GABC… --reason "its own key signs again"`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, _ []string) error {
		l, err := a.ledger(cmd.Context())
		if err != nil {
			return err
		}
		defer l.pool.Close()
		return a.listChannels(cmd.Context(), l)
	})
	create := &cobra.Command{
		Use:   "make",
		Short: "Create the channel accounts that are missing, and give those below their reserve what they lack",
		Args:  cobra.NoArgs,
	}
	create.RunE = a.does(func(cmd *cobra.Command, _ []string) error {
		l, err := a.ledger(cmd.Context())
		if err != nil {
			return err
		}
		defer l.pool.Close()
		if err := l.MakeChannels(cmd.Context()); err != nil {
			return plainly(err)
		}
		return a.listChannels(cmd.Context(), l)
	})
	cmd.AddCommand(create,
		a.channel("set-aside", "Use a channel account no more", "What is under way on it comes to its end. One that is set aside already gets the new\nreason. The Stellar RPC server is not needed.", false, setAside),
		a.channel("bring-back", "Use a channel account again that was set aside", "It is refused where the account's own key is still not enough.", true, bringBack))
	return cmd
}

func (a *app) listChannels(ctx context.Context, l *ledger) error {
	channels, err := l.Channels(ctx)
	if err != nil && len(channels) == 0 {
		return err
	}
	if err := a.answer(output.NewChannels(channels, because(err))); err != nil {
		return err
	}
	if err != nil {
		return errors.New(because(err))
	}
	return nil
}

// because is what people read of a failure of the ledger; empty for none.
func because(err error) string {
	if err == nil {
		return ""
	}
	if e, told := errors.AsType[*tenant.StepError](err); told {
		return e.Reason
	}
	return err.Error()
}

// channel is a command that changes one of them. With asks it needs to know how the
// account stands on the ledger, else the journal is enough.
func (a *app) channel(verb, short, long string, asks bool, change func(ctx context.Context, l *ledger, c stellar.ChannelReport, reason string) error) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   verb + " ADDRESS --reason TEXT",
		Short: short,
		Long: short + `.

` + long + `

The reason is kept in the audit log, in clear: no personal data, no secrets; a
ticket's number will do.`,
		Example: `  starter stellar channels ` + verb + ` GABC… --reason "ticket 4711"`,
		Args:    one("the account's address"),
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		l, err := a.ledger(ctx)
		if err != nil {
			return err
		}
		defer l.pool.Close()
		channels, err := l.Channels(ctx)
		if err != nil && (asks || len(channels) == 0) {
			return err
		}
		at := slices.IndexFunc(channels, func(c stellar.ChannelReport) bool { return c.Address == args[0] })
		if at < 0 {
			return usagef("%q is no channel account of this installation; starter stellar channels lists them", args[0])
		}
		who := a.caller()
		entry := tenant.AuditEntry{Actor: who.Actor, Claimed: who.Claimed, Action: "channel-" + verb, Outcome: tenant.OutcomeAccepted, Reason: reason, Detail: args[0]}
		failed := change(ctx, l, channels[at], reason)
		if failed != nil {
			entry.Outcome, entry.Detail = tenant.OutcomeRefused, args[0]+": "+failed.Error()
		}
		if err := postgres.NewAuditLog(l.pool).Append(ctx, entry); err != nil {
			return cmp.Or(failed, err)
		}
		if failed != nil {
			return failed
		}
		if channels, err = l.Channels(ctx); err != nil && (asks || len(channels) == 0) {
			return err
		}
		return a.answer(output.NewChannels(channels, because(err)))
	})
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit log; it is kept in clear")
	if err := cmd.MarkFlagRequired("reason"); err != nil {
		panic(err) //nolint:forbidigo // it was defined above
	}
	return cmd
}

func setAside(ctx context.Context, l *ledger, c stellar.ChannelReport, reason string) error {
	return l.journal.SetAside(ctx, l.network, c.Address, reason)
}

func bringBack(ctx context.Context, l *ledger, c stellar.ChannelReport, _ string) error {
	switch {
	case c.SetAside.IsZero():
		return fmt.Errorf("account %s is not set aside", c.Address)
	case c.Balance >= 0 && !c.Signs:
		return fmt.Errorf("account %s stays set aside: its own key is still not enough for a transaction; give it the weight that its low threshold asks for", c.Address)
	}
	_, err := l.journal.BringBack(ctx, l.network, c.Address)
	return err
}
