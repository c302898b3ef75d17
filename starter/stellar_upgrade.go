package main

import (
	"context"

	"github.com/spf13/cobra"

	"tenant-provisioning/starter/output"
)

func (a *app) stellarUpgrade() *cobra.Command {
	return a.sweep(sweep{
		use:   "upgrade",
		short: "Have contracts run the present version's code, one first",
		long: `Have contracts run the code of the present version, which new tenants get anyway.
Those that run it already are left alone, so it may be interrupted and repeated.

Begin with one tenant, and look at it. With --all one contract goes first; when its
commitment and status are what they were, the others follow, as many at a time as
there are channel accounts. The first failure ends it: no other is begun.`,
		all:    "the contracts of all tenants that live",
		action: "contracts-upgrade",
		verb:   "upgrade",
		present: func(ctx context.Context, l *ledger, contract string) (bool, string, error) {
			return l.Runs(ctx, contract)
		},
		do:     func(ctx context.Context, l *ledger, contract string) error { return l.Upgrade(ctx, contract, nil) },
		answer: func(s output.Swept) output.Document { return output.Upgraded(s) },
	})
}

func (a *app) stellarHandOver() *cobra.Command {
	return a.sweep(sweep{
		use:   "hand-over",
		short: "Hand contracts over to the present administrator, one first",
		long: `Hand contracts over to the administrator that SOROBAN_ADMIN_SECRET or
SOROBAN_ADMIN_SIGNER names: the one before proposes it, and it accepts. The one before is
the deployer, or who SOROBAN_PREVIOUS_ADMIN_SECRET or SOROBAN_PREVIOUS_ADMIN_SIGNER names;
workers need that too until the last contract is handed over. Contracts that have the
present administrator are left alone, so it may be interrupted and repeated.

With --all one contract goes first, then the others, as many at a time as there are
channel accounts. The first failure ends it: no other is begun. Contracts of purged
tenants have ended, and keep theirs.`,
		all:    "the contracts of all tenants that live",
		action: "contracts-hand-over",
		verb:   "hand over",
		present: func(ctx context.Context, l *ledger, contract string) (bool, string, error) {
			return l.Administrator(ctx, contract)
		},
		do:     func(ctx context.Context, l *ledger, contract string) error { return l.HandOver(ctx, contract, nil) },
		answer: func(s output.Swept) output.Document { return output.HandedOver(s) },
	})
}
