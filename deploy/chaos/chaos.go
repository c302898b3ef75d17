package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	temporal "go.temporal.io/sdk/client"

	"tenant-provisioning/client"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/token"
)

// tokenTTL is longer than any run.
const tokenTTL = 24 * time.Hour

// chaos is the product on a stack whose parts are killed.
type chaos struct {
	mails         string
	control       string
	rpc, deployer string
	pids, bin     string
	client        *client.Client
	http          *http.Client // for the catcher and the ledger
	pool          *pgxpool.Pool
	ledger        *stellar.Deployer
	temporal      temporal.Client
	api, worker   *program
	absences      absences
	stories       []*story
}

// begin starts the api and the worker, and reaches what is looked at later.
func begin(ctx context.Context, o options) (*chaos, error) {
	cfg, err := config.Load(config.Options{}, config.NeedByAPI|config.NeedByWorker)
	if err != nil {
		return nil, err
	}
	c := &chaos{mails: os.Getenv("MAIL_CATCHER_URL"), rpc: cfg.Soroban.RPCURL, pids: o.pids, bin: o.bin, http: &http.Client{Timeout: requestTimeout}, absences: absences{of: map[string]int{}}}
	if _, err := c.pid("postgres"); err != nil {
		return nil, err
	}
	if c.control, err = controlURL(); err != nil {
		return nil, err
	}
	// Some kinds, and to go on without the ledger, are for an administrator.
	bearer, err := connect.Signer(cfg.JWT).Issue("chaos", token.RoleAdmin, tokenTTL, time.Now())
	if err != nil {
		return nil, err
	}
	if c.client, err = client.New(client.Config{URL: cfg.App.URL, Token: bearer, Timeout: requestTimeout, Patience: patience}); err != nil {
		return nil, err
	}
	if c.pool, err = connect.Database(ctx, cfg.DB, "chaos", connect.Metrics{}); err != nil {
		return nil, err
	}
	if c.ledger, err = connect.Ledger(cfg.Soroban, c.pool, slog.New(slog.DiscardHandler), connect.Metrics{}); err != nil {
		return nil, err
	}
	c.deployer = c.ledger.Address()
	if c.temporal, err = connect.Temporal(cfg.Temporal, slog.New(slog.DiscardHandler), nil, connect.Metrics{}); err != nil {
		return nil, err
	}
	logs := filepath.Join(filepath.Dir(o.pids), "logs")
	if c.worker, err = newProgram(o.bin, logs, "worker"); err != nil {
		return nil, err
	}
	if c.api, err = newProgram(o.bin, logs, "api"); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *chaos) close() {
	c.api.Stop(context.Background())
	c.worker.Stop(context.Background())
	c.temporal.Close()
	c.pool.Close()
}
