package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"tenant-provisioning/client"
	"tenant-provisioning/internal/tenant"
)

const (
	// shortBudget is that of operations that meet an absent ledger, and absence how
	// long it is away: longer than the budget, with room for the steps before.
	shortBudget = 5 * time.Second
	absence     = shortBudget + 3*time.Second
)

// create has a tenant accepted, with its first operation.
func (c *chaos) create(ctx context.Context, s *story) error {
	f := s.life.fates[0]
	s.email = address()
	if f.event == mailRefused {
		s.email = refusedAddress()
	}
	create := func(ctx context.Context, key string) (client.Operation, error) {
		return c.client.CreateTenant(ctx, client.CreateTenantParams{
			Name: s.name, AdminEmail: s.email, AdminFirstName: "Ada", AdminLastName: "Lovelace", IdempotencyKey: key,
		})
	}
	o, err := c.accept(ctx, f, create, "provision", "--name", s.name, "--admin-email", s.email, "--admin-first-name", "Ada", "--admin-last-name", "Lovelace")
	if err != nil {
		return err
	}
	s.tenant, s.deeds = o.TenantID, []*deed{{fate: f, id: o.ID, kind: tenant.Kind(o.Kind)}}
	return nil
}

// submit has an operation of a tenant accepted.
func (c *chaos) submit(ctx context.Context, s *story, f fate, kind tenant.Kind) error {
	if f.event == mailRefused {
		if err := c.changeAddress(ctx, s, refusedAddress()); err != nil {
			return err
		}
	}
	ask, err := c.asking(kind, s.tenant)
	if err != nil {
		return err
	}
	o, err := c.accept(ctx, f, ask, kind.Verb(), s.tenant, "--reason", "chaos")
	if err != nil {
		return fmt.Errorf("%s: %w", kind.Verb(), err)
	}
	if o.TenantID != s.tenant || tenant.Kind(o.Kind) != kind {
		return fmt.Errorf("%s of tenant %s was accepted as %s of tenant %s", kind, s.tenant, o.Kind, o.TenantID)
	}
	s.deeds = append(s.deeds, &deed{fate: f, id: o.ID, kind: kind})
	return nil
}

// accept has an operation accepted: over the API, twice under one key, which must
// give one operation; or by the command line, with a budget that an absent ledger
// uses up. From then on the ledger is away, until the fate gives it back.
func (c *chaos) accept(ctx context.Context, f fate, ask accepting, command ...string) (first client.Operation, err error) {
	key := uuid.NewString()
	if f.event == ledgerAway {
		if err := c.away(ctx, "stellar"); err != nil {
			return first, err
		}
		if first, err = c.acceptImpatiently(ctx, key, command); err != nil {
			err = errors.Join(err, c.back(context.WithoutCancel(ctx), "stellar"))
		}
		return first, err
	}
	var second client.Operation
	for _, o := range []*client.Operation{&first, &second} {
		if *o, err = insist(ctx, func(ctx context.Context) (client.Operation, error) { return ask(ctx, key) }); err != nil {
			return first, err
		}
	}
	if first.ID != second.ID {
		return first, fmt.Errorf("what was accepted as operation %s was, repeated, accepted as %s", first.ID, second.ID)
	}
	return first, nil
}

// acceptImpatiently has an operation accepted whose steps park soon: it has the
// budget of the program that accepts it.
func (c *chaos) acceptImpatiently(ctx context.Context, key string, command []string) (client.Operation, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		cmd := c.starter(ctx, append(command, "--idempotency-key", key, "--output", "json")...)
		cmd.Env = append(os.Environ(), "STEP_RETRY_BUDGET="+shortBudget.String())
		out, err := cmd.Output() // its status tells of the operation too, when it has parked already
		var made struct{ Operation client.Operation }
		if unread := json.Unmarshal(out, &made); unread == nil && made.Operation.ID != "" {
			return made.Operation, nil
		}
		if over := sleep(ctx, poll); over != nil {
			return client.Operation{}, fmt.Errorf("starter %s does not succeed within %s: %w", command[0], patience, err)
		}
	}
}

func (c *chaos) starter(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, filepath.Join(c.bin, "starter"), args...) //nolint:gosec // -bin is the caller's own
}
