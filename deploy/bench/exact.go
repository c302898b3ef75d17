package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/tenant"
)

// Counted is what some tenants have added, counted where it is. Each must be
// the number of tenants, or the benchmark fails: skipping or repeating a step must not
// look like speed.
type Counted struct {
	// Active and Succeeded are rows of tenants and operations.
	Active    int `json:"activeTenants"`
	Succeeded int `json:"succeededOperations"`
	// Schemas are those of the whole database.
	Schemas int `json:"schemas"`
	// Deployments are those that the journal has as applied, and Contracts what the ledger
	// itself has at the addresses of these tenants.
	Deployments int `json:"deployments"`
	Contracts   int `json:"contractsOnTheLedger"`
	// Mails have arrived, each at another address.
	Mails int `json:"mails"`
	// Runs have succeeded, as a peer's engine has it; of others the operations tell.
	Runs int `json:"runs,omitempty"`
}

// settleTimeout bounds how long an engine takes to write that a run is over, after the
// last step of it was.
const settleTimeout = time.Minute

// tally counts at the database, the ledger and the mail catcher.
type tally struct {
	pool    *pgxpool.Pool
	ledger  *stellar.Deployer
	catcher string
}

func newTally(ctx context.Context) (*tally, error) {
	c := &tally{catcher: os.Getenv("MAIL_CATCHER_URL")}
	if c.catcher == "" {
		return nil, errors.New("MAIL_CATCHER_URL is missing: mails are counted where the stack catches them; run: make bench")
	}
	cfg, err := config.Load(config.Options{}, connect.NeedBySteps)
	if err != nil {
		return nil, err
	}
	if c.pool, err = connect.Database(ctx, cfg.DB, "bench", connect.Metrics{}); err != nil {
		return nil, err
	}
	if c.ledger, err = connect.Ledger(cfg.Soroban, c.pool, slog.New(slog.DiscardHandler), connect.Metrics{}); err != nil {
		c.pool.Close()
		return nil, err
	}
	return c, nil
}

// Close gives back the connections.
func (c *tally) Close() { c.pool.Close() }

// begin counts what is there once the tenants that have warmed up are over, and forgets
// the mails.
func (c *tally) begin(ctx context.Context, s working, warmedUp int) (Counted, error) {
	if err := c.mails(ctx, http.MethodDelete, nil); err != nil {
		return Counted{}, err
	}
	if _, err := s.settle(ctx, warmedUp); err != nil {
		return Counted{}, err
	}
	n, err := c.rows(ctx)
	n.Runs = warmedUp
	return n, err
}

// end counts what n tenants have added, and fails when any of it is not n.
func (c *tally) end(ctx context.Context, s working, before Counted, label string, n int) (Counted, error) {
	got, err := c.rows(ctx)
	if err != nil {
		return got, err
	}
	got.Active -= before.Active
	got.Succeeded -= before.Succeeded
	got.Schemas -= before.Schemas
	got.Deployments -= before.Deployments
	want := Counted{Active: n, Succeeded: n, Schemas: n, Deployments: n, Contracts: n, Mails: n}
	if got.Contracts, err = c.contracts(ctx, label); err != nil {
		return got, err
	}
	if got.Mails, err = c.received(ctx); err != nil {
		return got, err
	}
	if s.runs != nil {
		runs, err := s.settle(ctx, before.Runs+n)
		if err != nil {
			return got, err
		}
		got.Runs, want.Runs = runs-before.Runs, n
	}
	if got != want {
		return got, fmt.Errorf("%d tenants were provisioned, and these are left: %+v; a step was repeated or skipped, or something else uses this stack", n, got)
	}
	return got, nil
}

// settle waits until the engine has so many runs as succeeded, and returns how many it
// has. It has none where there is no engine to ask.
func (w working) settle(ctx context.Context, n int) (runs int, err error) {
	if w.runs == nil {
		return 0, nil
	}
	waited := wait(ctx, settleTimeout, func() bool {
		runs, err = w.runs(ctx)
		return err == nil && runs >= n
	})
	if err == nil && waited != nil {
		err = fmt.Errorf("the engine has %d runs of %d as succeeded: %w", runs, n, waited)
	}
	return runs, err
}

func (c *tally) rows(ctx context.Context) (n Counted, err error) {
	err = c.pool.QueryRow(ctx, `
		SELECT (SELECT count(*) FROM tenants WHERE status = 'ACTIVE'), (SELECT count(*) FROM operations WHERE state = 'SUCCEEDED'),
			(SELECT count(*) FROM pg_namespace WHERE nspname NOT LIKE 'pg\_%'),
			(SELECT count(*) FROM stellar_transactions WHERE purpose = 'DEPLOY_CONTRACT' AND state = 'APPLIED')`).Scan(
		&n.Active, &n.Succeeded, &n.Schemas, &n.Deployments)
	if err != nil {
		return n, fmt.Errorf("count what the tenants have left: %w", err)
	}
	return n, nil
}

// contracts counts those of the tenants that the label names, each at an address of its
// own, by asking the ledger.
func (c *tally) contracts(ctx context.Context, label string) (int, error) {
	rows, err := c.pool.Query(ctx, `SELECT DISTINCT contract_id FROM tenants WHERE name LIKE $1 AND contract_id IS NOT NULL`, clinic(label)+`.%`)
	if err != nil {
		return 0, fmt.Errorf("list the contracts of the tenants: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return 0, fmt.Errorf("list the contracts of the tenants: %w", err)
	}
	there := 0
	for _, id := range ids {
		present, _, err := c.ledger.Runs(ctx, id)
		switch {
		case err != nil && !errors.Is(err, tenant.ErrNotFound):
			return 0, fmt.Errorf("ask the ledger for contract %s: %w", id, err)
		case present:
			there++
		}
	}
	return there, nil
}

// received counts the mails that have arrived.
func (c *tally) received(ctx context.Context) (int, error) {
	var caught []struct{ To string }
	if err := c.mails(ctx, http.MethodGet, &caught); err != nil {
		return 0, err
	}
	to := map[string]bool{}
	for _, m := range caught {
		to[m.To] = true
	}
	if len(to) != len(caught) {
		return 0, fmt.Errorf("%d mails went to %d administrators: at least one got two", len(caught), len(to))
	}
	return len(caught), nil
}

// mails asks the catcher for its mails, or to forget them.
func (c *tally) mails(ctx context.Context, method string, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.catcher+"/messages", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("count mails: %w", err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode >= http.StatusMultipleChoices:
		return fmt.Errorf("count mails: %s %s/messages: %s", method, c.catcher, resp.Status)
	case into == nil:
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return fmt.Errorf("count mails: %w", err)
	}
	return nil
}
