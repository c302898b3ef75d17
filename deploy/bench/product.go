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
	urls := map[string]string{"api": cfg.App.URL, "worker": "http://" + cfg.Metrics.Addr}
	for _, name := range []string{"api", "worker"} {
		p, err := child.Start(child.Spec{
			Path: filepath.Join(bin, name), Stderr: os.Stderr, Grace: stopTimeout,
			// One client measures: the limit on what one client may ask does not belong
			// to the figure.
			Env: append(os.Environ(), "RATE_LIMIT_ENABLED=false", "LOG_LEVEL=warn"),
		})
		if err != nil {
			return Result{}, err
		}
		defer p.Stop(context.WithoutCancel(ctx))
		if err := p.Ready(ctx, readyTimeout, answers(urls[name]+"/readyz")); err != nil {
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

// answers asks whether a program is ready.
func answers(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			err = errors.New(resp.Status)
		}
		return errors.Join(err, resp.Body.Close())
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
