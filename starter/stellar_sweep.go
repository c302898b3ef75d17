package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

// sweep is a change that is brought to the contract of one tenant, or of all that live.
type sweep struct {
	use, short, long, all string
	// action names it in the audit log, verb in errors.
	action, verb string
	// present reports whether a contract has the change already, and what it has.
	present func(ctx context.Context, l *ledger, contract string) (bool, string, error)
	do      func(ctx context.Context, l *ledger, contract string) error
	answer  func(output.Swept) output.Document
}

func (a *app) sweep(s sweep) *cobra.Command {
	var all bool
	var reason string
	cmd := &cobra.Command{
		Use:   s.use + " {TENANT-ID | --all} --reason TEXT",
		Short: s.short,
		Long: s.long + `

The reason is kept in the audit log, in clear: no personal data, no secrets; a
ticket's number will do.`,
		Example: "  starter stellar " + s.use + ` 01920e6a-7c1d-7fd2-8a31-5c6f7d8e9f01 --reason "ticket 4711"
  starter stellar ` + s.use + ` --all --reason "ticket 4711"`,
		Args: cobra.MaximumNArgs(1),
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, args []string) error {
		if all == (len(args) == 1) {
			return usagef("name one tenant, or say --all")
		}
		l, err := a.ledger(cmd.Context())
		if err != nil {
			return err
		}
		defer l.pool.Close()
		contracts, err := l.ofLiving(cmd.Context(), args)
		if err != nil {
			return err
		}
		who := a.caller()
		if err := postgres.NewAuditLog(l.pool).Append(cmd.Context(), tenant.AuditEntry{
			Actor: who.Actor, Claimed: who.Claimed, Action: s.action, Outcome: tenant.OutcomeAccepted, Reason: reason,
			Detail: fmt.Sprintf("%d contracts", len(contracts)),
		}); err != nil {
			return err
		}
		done, failed := a.sweepOver(cmd.Context(), l, s, contracts)
		if err := a.answer(s.answer(done)); err != nil {
			return cmp.Or(failed, err)
		}
		return failed
	})
	cmd.Flags().BoolVar(&all, "all", false, s.all)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit log; it is kept in clear")
	if err := cmd.MarkFlagRequired("reason"); err != nil {
		panic(err) //nolint:forbidigo // it was defined above
	}
	return cmd
}

// ofLiving are the contracts of a tenant, or of all that live.
func (l *ledger) ofLiving(ctx context.Context, args []string) ([]tenant.EntryLife, error) {
	contracts, err := postgres.NewLives(l.pool, l.network).ContractsToKeep(ctx)
	if err != nil || len(args) == 0 {
		return contracts, err
	}
	id, err := tenant.ReadID(args[0])
	if err != nil {
		return nil, usagef("%q is no tenant's id: it is a UUID, from starter list", args[0])
	}
	contracts = slices.DeleteFunc(contracts, func(c tenant.EntryLife) bool { return c.Tenant != id })
	if len(contracts) == 0 {
		return nil, fmt.Errorf("tenant %s has no contract that lives", id)
	}
	return contracts, nil
}

// sweepOver changes one contract, and then the others side by side until one fails.
func (a *app) sweepOver(ctx context.Context, l *ledger, s sweep, contracts []tenant.EntryLife) (output.Swept, error) {
	done := output.Swept{Contracts: len(contracts), Items: []output.SweptContract{}}
	channels, err := l.Channels(ctx)
	if err != nil {
		return done, err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var mu sync.Mutex
	one := func(c tenant.EntryLife) bool {
		present, before, err := s.present(ctx, l, c.Entry)
		if err == nil && !present {
			err = s.do(ctx, l, c.Entry)
		}
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil && ctx.Err() == nil:
			stop(fmt.Errorf("%s the contract of tenant %s: %s", s.verb, c.Tenant, because(err)))
		case err != nil: // another has failed first
		case present:
			done.Present++
		default:
			done.Items = append(done.Items, output.SweptContract{Tenant: c.Tenant, Contract: c.Entry, From: before})
			a.say("%d of %d: tenant %s", done.Present+len(done.Items), len(contracts), c.Tenant)
		}
		return err == nil && !present
	}
	for len(contracts) > 0 && ctx.Err() == nil {
		first := contracts[0]
		if contracts = contracts[1:]; one(first) {
			break // it was changed, and is well
		}
	}
	work := make(chan tenant.EntryLife)
	var workers sync.WaitGroup
	for range channels {
		workers.Go(func() {
			for c := range work {
				one(c)
			}
		})
	}
	for _, c := range contracts {
		if ctx.Err() != nil {
			break
		}
		work <- c
	}
	close(work)
	workers.Wait()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return done, cause
	}
	return done, ctx.Err()
}
