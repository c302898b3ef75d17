package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/child"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/tenant"
)

// endTimeout bounds how long a peer takes for a tenant: a step that fails is repeated by
// its engine after a pause, which River makes as long as a minute and a half for the
// third time.
const endTimeout = 5 * time.Minute

// asker asks a peer for tenants.
type asker struct {
	http *http.Client
	url  string
	pool *pgxpool.Pool
	// before is how many runs had succeeded when the program was started.
	before int
}

// peerProgram is the name of a peer's program.
func peerProgram(name string) string { return "peer-" + name }

// startPeer starts the program of a peer, where the api would listen.
func startPeer(ctx context.Context, bin string, w way) (working, error) {
	cfg, err := config.Load(config.Options{}, config.NeedByAPI)
	if err != nil {
		return working{}, err
	}
	name := peerProgram(w.name)
	process, err := child.Start(child.Spec{Name: name, Path: filepath.Join(bin, name), Stderr: os.Stderr, Grace: stopTimeout})
	if err != nil {
		return working{}, fmt.Errorf("%w; make bench builds it where BENCH begins with -peers or -quick", err)
	}
	end := func() { process.Stop(context.WithoutCancel(ctx)) }
	if err := process.Ready(ctx, readyTimeout, answers(cfg.App.URL+"/readyz")); err != nil {
		end()
		return working{}, err
	}
	pool, err := connect.Database(ctx, cfg.DB, "bench", connect.Metrics{})
	if err != nil {
		end()
		return working{}, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = w.concurrency
	a := asker{http: &http.Client{Transport: transport, Timeout: endTimeout}, url: cfg.App.URL, pool: pool}
	stop := func() { transport.CloseIdleConnections(); pool.Close(); end() }
	if a.before, err = a.runs(ctx); err != nil {
		stop()
		return working{}, err
	}
	return working{provision: a.provision, runs: a.runs, processes: map[string]int{name: process.PID()}, stop: stop}, nil
}

// provision is that of the product's caller: it waits until the tenant's mail is sent,
// and reads when it became active.
func (a asker) provision(ctx context.Context, n tenant.Spec) (time.Duration, error) {
	body, err := json.Marshal(n)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	var f tenant.Fence
	if err := a.ask(ctx, http.MethodPost, "/tenants", body, &f); err != nil {
		return 0, err
	}
	var active time.Time
	// The database's clock is this machine's.
	if err := a.pool.QueryRow(ctx, activated, string(f.Tenant)).Scan(&active); err != nil {
		return 0, fmt.Errorf("read when tenant %s became active: %w", f.Tenant, err)
	}
	return active.Sub(began), nil
}

func (a asker) runs(ctx context.Context) (n int, err error) {
	err = a.ask(ctx, http.MethodGet, "/runs", nil, &n)
	return n - a.before, err
}

func (a asker) ask(ctx context.Context, method, path string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, a.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return err
	}
	said, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, bytes.TrimSpace(said))
	}
	return json.Unmarshal(said, into)
}
