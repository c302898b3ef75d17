package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

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
	create := request{method: http.MethodPost, path: "/v1/tenants", key: uuid.NewString(), body: map[string]string{
		"name": s.name, "adminEmail": s.email, "adminFirstName": "Ada", "adminLastName": "Lovelace",
	}}
	o, err := c.accept(ctx, f, create, "provision", "--name", s.name, "--admin-email", s.email, "--admin-first-name", "Ada", "--admin-last-name", "Lovelace")
	if err != nil {
		return err
	}
	s.tenant, s.deeds = o.TenantID, []*deed{{fate: f, id: o.ID, kind: o.Kind}}
	return nil
}

// submit has an operation of a tenant accepted.
func (c *chaos) submit(ctx context.Context, s *story, f fate, kind tenant.Kind) error {
	if f.event == mailRefused {
		if err := c.changeAddress(ctx, s, refusedAddress()); err != nil {
			return err
		}
	}
	q, err := c.route(ctx, kind)
	if err != nil {
		return err
	}
	q.path, q.key = strings.ReplaceAll(q.path, "{id}", s.tenant), uuid.NewString()
	q.body = map[string]string{"reason": "chaos"}
	o, err := c.accept(ctx, f, q, kind.Verb(), s.tenant, "--reason", "chaos")
	if err != nil {
		return fmt.Errorf("%s: %w", kind.Verb(), err)
	}
	if o.TenantID != s.tenant || o.Kind != kind {
		return fmt.Errorf("%s of tenant %s was accepted as %s of tenant %s", kind, s.tenant, o.Kind, o.TenantID)
	}
	s.deeds = append(s.deeds, &deed{fate: f, id: o.ID, kind: kind})
	return nil
}

// route finds in the API's own document how a kind of operation is asked for.
func (c *chaos) route(ctx context.Context, kind tenant.Kind) (request, error) {
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := c.expect(ctx, request{method: http.MethodGet, path: "/openapi.json"}, http.StatusOK, &document); err != nil {
		return request{}, err
	}
	for path, methods := range document.Paths {
		for method, raw := range methods {
			var o struct{ OperationID string }
			if err := json.Unmarshal(raw, &o); err == nil && o.OperationID == kind.Verb()+"-tenant" { // a path has more than methods
				return request{method: strings.ToUpper(method), path: path}, nil
			}
		}
	}
	return request{}, fmt.Errorf("the API's document has no operation %s-tenant, by which %s is asked for", kind.Verb(), kind)
}

// accept has an operation accepted: over the API, twice under one key, which must
// give one operation; or by the command line, with a budget that an absent ledger
// uses up. From then on the ledger is away, until the fate gives it back.
func (c *chaos) accept(ctx context.Context, f fate, q request, command ...string) (first operation, err error) {
	if f.event == ledgerAway {
		if err := c.away(ctx, "stellar"); err != nil {
			return first, err
		}
		if first, err = c.acceptImpatiently(ctx, q.key, command); err != nil {
			err = errors.Join(err, c.back(context.WithoutCancel(ctx), "stellar"))
		}
		return first, err
	}
	var second operation
	for _, o := range []*operation{&first, &second} {
		if err := c.expect(ctx, q, http.StatusAccepted, o); err != nil {
			return first, err
		}
	}
	if first.ID != second.ID {
		return first, fmt.Errorf("%s %s was accepted as operation %s and, repeated, as %s", q.method, q.path, first.ID, second.ID)
	}
	return first, nil
}

// acceptImpatiently has an operation accepted whose steps park soon: it has the
// budget of the program that accepts it.
func (c *chaos) acceptImpatiently(ctx context.Context, key string, command []string) (operation, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		cmd := c.starter(ctx, append(command, "--idempotency-key", key, "--output", "json")...)
		cmd.Env = append(os.Environ(), "STEP_RETRY_BUDGET="+shortBudget.String())
		out, err := cmd.Output() // its status tells of the operation too, when it has parked already
		var made struct{ Operation operation }
		if unread := json.Unmarshal(out, &made); unread == nil && made.Operation.ID != "" {
			return made.Operation, nil
		}
		if over := sleep(ctx, poll); over != nil {
			return operation{}, fmt.Errorf("starter %s does not succeed within %s: %w", command[0], patience, err)
		}
	}
}

func (c *chaos) starter(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, filepath.Join(c.bin, "starter"), args...) //nolint:gosec // -bin is the caller's own
}
