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
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
)

const (
	// readyTimeout bounds the start of api and worker.
	readyTimeout = 30 * time.Second
	// stopTimeout bounds their orderly stop.
	stopTimeout = 30 * time.Second
	// longPoll is how long one question about an operation waits.
	longPoll = "30s"
)

// caller calls the REST API and reads when a tenant became active.
type caller struct {
	url, token string
	http       *http.Client
	pool       *pgxpool.Pool
}

// measureProduct measures the way that a caller of the API sees.
func measureProduct(ctx context.Context, bin, label string, n, concurrency int) (Result, error) {
	cfg, err := config.Load(config.Options{}, config.NeedByAPI|config.NeedMetrics)
	if err != nil {
		return Result{}, err
	}
	for _, name := range []string{"api", "worker"} {
		stop, err := start(filepath.Join(bin, name))
		if err != nil {
			return Result{}, err
		}
		defer stop()
	}
	for _, url := range []string{cfg.App.URL, "http://" + cfg.Metrics.Addr} {
		if err := awaitReady(ctx, url+"/readyz"); err != nil {
			return Result{}, err
		}
	}
	bearer, err := connect.Signer(cfg.JWT).Issue("bench", token.RoleOperator, time.Hour, time.Now())
	if err != nil {
		return Result{}, err
	}
	pool, err := connect.Database(ctx, cfg.DB, "bench")
	if err != nil {
		return Result{}, err
	}
	defer pool.Close()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = concurrency
	c := &caller{url: cfg.App.URL, token: bearer, http: &http.Client{Transport: transport}, pool: pool}
	return drive(ctx, label, n, concurrency, c.provision)
}

// start runs a program with its output in the stack's own. stop ends it in
// order.
func start(path string) (stop func(), err error) {
	cmd := exec.Command(path)
	// One client measures: the limit on what one client may ask does not belong
	// to the figure.
	cmd.Env = append(os.Environ(), "RATE_LIMIT_ENABLED=false", "LOG_LEVEL=warn")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return func() {
		timer := time.AfterFunc(stopTimeout, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
		if err := cmd.Process.Signal(syscall.SIGTERM); err == nil {
			_ = cmd.Wait()
		}
	}, nil
}

func awaitReady(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not become ready: %w", url, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// operation is what the benchmark reads of an operation.
type operation struct {
	ID            string       `json:"id"`
	TenantID      string       `json:"tenantId"`
	State         tenant.State `json:"state"`
	FailureReason string       `json:"failureReason"`
}

func (c *caller) provision(ctx context.Context, n tenant.New) (time.Duration, error) {
	body, err := json.Marshal(map[string]string{
		"name": n.Name, "adminEmail": n.Administrator.Email,
		"adminFirstName": n.Administrator.FirstName, "adminLastName": n.Administrator.LastName,
	})
	if err != nil {
		return 0, err
	}
	began := time.Now()
	o, err := c.do(ctx, http.MethodPost, "/v1/tenants", body)
	for err == nil && !o.State.Closed() {
		o, err = c.do(ctx, http.MethodGet, "/v1/operations/"+o.ID+"?wait="+longPoll, nil)
	}
	switch {
	case err != nil:
		return 0, err
	case o.State != tenant.StateSucceeded:
		return 0, fmt.Errorf("operation %s is %s: %s", o.ID, o.State, o.FailureReason)
	}
	var active time.Time
	// The database's clock is this machine's.
	if err := c.pool.QueryRow(ctx, `SELECT activated_at FROM tenants WHERE id = $1`, o.TenantID).Scan(&active); err != nil {
		return 0, fmt.Errorf("read when tenant %s became active: %w", o.TenantID, err)
	}
	return active.Sub(began), nil
}

func (c *caller) do(ctx context.Context, method, path string, body []byte) (o operation, err error) {
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return o, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return o, err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return o, fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
	}
	return o, json.Unmarshal(answer, &o)
}
