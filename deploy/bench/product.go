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
	"slices"
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
	c, stop, err := startProduct(ctx, bin, concurrency)
	if err != nil {
		return Result{}, err
	}
	defer stop()
	return drive(ctx, label, n, concurrency, c.provision)
}

// startProduct starts api and worker, and makes a caller of them.
func startProduct(ctx context.Context, bin string, concurrency int) (c *caller, stop func(), err error) {
	cfg, err := config.Load(config.Options{}, config.NeedByAPI|config.NeedMetrics)
	if err != nil {
		return nil, nil, err
	}
	var started []func()
	stop = func() {
		for _, s := range slices.Backward(started) {
			s()
		}
	}
	defer func() {
		if err != nil {
			stop()
		}
	}()
	urls := map[string]string{"api": cfg.App.URL, "worker": "http://" + cfg.Metrics.Addr}
	for _, name := range []string{"api", "worker"} {
		p, err := child.Start(child.Spec{
			Path: filepath.Join(bin, name), Stderr: os.Stderr, Grace: stopTimeout,
			// One client measures: the limit on what one client may ask does not belong
			// to the figure.
			Env: append(os.Environ(), "RATE_LIMIT_ENABLED=false", "LOG_LEVEL=warn"),
		})
		if err != nil {
			return nil, stop, err
		}
		started = append(started, func() { p.Stop(context.WithoutCancel(ctx)) })
		if err := p.Ready(ctx, readyTimeout, answers(urls[name]+"/readyz")); err != nil {
			return nil, stop, err
		}
	}
	bearer, err := connect.Signer(cfg.JWT).Issue("bench", token.RoleOperator, time.Hour, time.Now())
	if err != nil {
		return nil, stop, err
	}
	pool, err := connect.Database(ctx, cfg.DB, "bench")
	if err != nil {
		return nil, stop, err
	}
	started = append(started, pool.Close)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = concurrency
	return &caller{url: cfg.App.URL, token: bearer, http: &http.Client{Transport: transport}, pool: pool}, stop, nil
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

func (c *caller) provision(ctx context.Context, n tenant.Spec) (time.Duration, error) {
	body, err := json.Marshal(map[string]string{
		"name": n.Name, "adminEmail": n.Administrator.Email,
		"adminFirstName": n.Administrator.FirstName, "adminLastName": n.Administrator.LastName,
	})
	if err != nil {
		return 0, err
	}
	began := time.Now()
	o, err := c.succeed(ctx, "/v1/tenants", body)
	if err != nil {
		return 0, err
	}
	var active time.Time
	// The database's clock is this machine's.
	if err := c.pool.QueryRow(ctx, `SELECT activated_at FROM tenants WHERE id = $1`, o.TenantID).Scan(&active); err != nil {
		return 0, fmt.Errorf("read when tenant %s became active: %w", o.TenantID, err)
	}
	return active.Sub(began), nil
}

// succeed asks for an operation, and waits until it has succeeded.
func (c *caller) succeed(ctx context.Context, path string, body []byte) (operation, error) {
	o, err := c.do(ctx, http.MethodPost, path, body)
	for err == nil && !o.State.Closed() {
		o, err = c.do(ctx, http.MethodGet, "/v1/operations/"+o.ID+"?wait="+longPoll, nil)
	}
	if err == nil && o.State != tenant.StateSucceeded {
		err = fmt.Errorf("operation %s is %s: %s", o.ID, o.State, o.FailureReason)
	}
	return o, err
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
