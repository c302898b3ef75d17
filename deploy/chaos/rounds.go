package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// shortBudget is that of tenants that meet an absent ledger, and absence how
	// long it is away: longer than the budget, with room for the steps before.
	shortBudget = 5 * time.Second
	absence     = shortBudget + 3*time.Second
)

// cause goes through the plan: it creates tenants, lets them live in lives, and
// kills, round by round.
func (c *chaos) cause(ctx context.Context, p plan, lives *sync.WaitGroup) error {
	for i, r := range p {
		back := time.Now()
		if r.has(ledgerAway) {
			if err := c.suspend("stellar"); err != nil {
				return err
			}
			back = time.Now().Add(absence)
		}
		err := c.play(ctx, i+1, r, lives)
		if err == nil {
			err = sleep(ctx, time.Until(back))
		}
		if r.has(ledgerAway) {
			if resumed := c.resume("stellar"); err == nil {
				err = resumed
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// play creates a round's tenants and kills its victim.
func (c *chaos) play(ctx context.Context, number int, r round, lives *sync.WaitGroup) error {
	for n, f := range r.fates {
		s := &story{fate: f, name: fmt.Sprintf("Hospital %d of round %d", n+1, number), email: address()}
		c.stories = append(c.stories, s)
		if err := c.create(ctx, s); err != nil {
			return fmt.Errorf("create %s: %w", s.name, err)
		}
		lives.Go(func() { s.wrong = c.live(ctx, s) })
	}
	if err := sleep(ctx, r.wait); err != nil {
		return err
	}
	if err := c.kill(ctx, r.victim); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "chaos: round %d: kill -9 of %s, %d ms after the tenants were accepted\n", number, r.victim, r.wait.Milliseconds())
	return nil
}

// address is one that nobody else has.
func address() string { return "ada." + uuid.NewString()[:8] + "@hospital.example" }

// create has a tenant accepted, with an address that the mail catcher refuses if
// that is its fate.
func (c *chaos) create(ctx context.Context, s *story) error {
	if s.fate.event == mailRefused {
		s.email = strings.TrimSuffix(s.email, ".example") + ".invalid"
	}
	var o operation
	if s.fate.event == ledgerAway {
		if err := c.createImpatient(ctx, s, &o); err != nil {
			return err
		}
	} else if err := c.expect(ctx, request{method: http.MethodPost, path: "/v1/tenants", key: uuid.NewString(), body: map[string]string{
		"name": s.name, "adminEmail": s.email, "adminFirstName": "Ada", "adminLastName": "Lovelace",
	}}, http.StatusAccepted, &o); err != nil {
		return err
	}
	s.tenant, s.operations = o.TenantID, []string{o.ID}
	return nil
}

// createImpatient creates a tenant whose steps park soon: an operation has the
// budget of the program that accepts it.
func (c *chaos) createImpatient(ctx context.Context, s *story, o *operation) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	key := uuid.NewString()
	for {
		cmd := c.starter(ctx, "provision", "--name", s.name, "--admin-email", s.email, "--admin-first-name", "Ada", "--admin-last-name", "Lovelace",
			"--idempotency-key", key, "--output", "json")
		cmd.Env = append(os.Environ(), "STEP_RETRY_BUDGET="+shortBudget.String())
		out, err := cmd.Output() // its status tells of the tenant too, when it has parked already
		var made struct{ Operation operation }
		if unread := json.Unmarshal(out, &made); unread == nil && made.Operation.ID != "" {
			*o = made.Operation
			return nil
		}
		if over := sleep(ctx, poll); over != nil {
			return fmt.Errorf("starter provision does not succeed within %s: %w", patience, err)
		}
	}
}

func (c *chaos) starter(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, filepath.Join(c.bin, "starter"), args...) //nolint:gosec // -bin is the caller's own
}
