package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/client"
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
	// requestTimeout bounds one request, however busy the machine is.
	requestTimeout = time.Minute
)

// activated reads when a tenant became active.
const activated = `SELECT activated_at FROM tenants WHERE id = $1`

// caller calls the REST API and reads when a tenant became active.
type caller struct {
	api    *client.Client
	pool   *pgxpool.Pool
	url    string
	bearer string
	// processes are the programs by their names.
	processes map[string]*child.Process
}

// measureProduct measures the way that a caller of the API sees.
func measureProduct(ctx context.Context, bin, label string, n, concurrency int) (Result, error) {
	c, stop, err := product{bin: bin}.start(ctx, concurrency, both)
	if err != nil {
		return Result{}, err
	}
	defer stop()
	return drive(ctx, label, n, concurrency, c.provision)
}

// both are the programs that provisioning needs. The api comes first.
var both = []string{"api", "worker"}

// product is how the programs of the product are started.
type product struct {
	bin string // their directory
	// settings are beside those of the stack.
	settings []string
	// cores is the part of the CPU that each of them has, by limiter; 0 for no limit.
	cores   float64
	limiter limiter
}

// start starts some programs of the product, and makes a caller of the api.
func (p product) start(ctx context.Context, concurrency int, programs []string) (c *caller, stop func(), err error) {
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
	c = &caller{url: cfg.App.URL, processes: map[string]*child.Process{}}
	urls := map[string]string{"api": cfg.App.URL, "worker": "http://" + cfg.Metrics.Addr}
	for _, name := range programs {
		process, end, err := p.program(ctx, name)
		if err != nil {
			return nil, stop, err
		}
		started = append(started, end)
		if err := process.Ready(ctx, readyTimeout, answers(urls[name]+"/readyz")); err != nil {
			return nil, stop, err
		}
		c.processes[name] = process
	}
	if c.bearer, err = connect.Signer(cfg.JWT).Issue("bench", token.RoleOperator, time.Hour, time.Now()); err != nil {
		return nil, stop, err
	}
	if c.pool, err = connect.Database(ctx, cfg.DB, "bench", connect.Metrics{}); err != nil {
		return nil, stop, err
	}
	started = append(started, c.pool.Close)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = concurrency
	// Sent once: a repetition and the pause before it would hide in the latencies.
	c.api, err = c.client(transport, -1)
	return c, stop, err
}

// program starts one of them.
func (p product) program(ctx context.Context, name string) (process *child.Process, end func(), err error) {
	command, remove := []string{filepath.Join(p.bin, name)}, func() {}
	if p.cores > 0 {
		var before []string
		if before, remove, err = p.limiter.limit(name, p.cores); err != nil {
			return nil, nil, err
		}
		command = append(before, command...)
	}
	process, err = child.Start(child.Spec{
		Name: name, Path: command[0], Args: command[1:], Stderr: os.Stderr, Grace: stopTimeout,
		// One client measures: the limit on what one client may ask does not belong
		// to the figure.
		Env: append(append(os.Environ(), "RATE_LIMIT_ENABLED=false", "LOG_LEVEL=warn"), p.settings...),
	})
	if err != nil {
		remove()
		return nil, nil, err
	}
	return process, func() { process.Stop(context.WithoutCancel(ctx)); remove() }, nil
}

func (c *caller) client(transport http.RoundTripper, patience time.Duration) (*client.Client, error) {
	return client.New(client.Config{URL: c.url, Token: c.bearer, HTTP: &http.Client{Transport: transport}, Timeout: requestTimeout, Patience: patience})
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

func (c *caller) provision(ctx context.Context, n tenant.Spec) (time.Duration, error) {
	began := time.Now()
	o, err := c.succeed(ctx, c.create(n))
	if err != nil {
		return 0, err
	}
	var active time.Time
	// The database's clock is this machine's.
	if err := c.pool.QueryRow(ctx, activated, o.TenantID).Scan(&active); err != nil {
		return 0, fmt.Errorf("read when tenant %s became active: %w", o.TenantID, err)
	}
	return active.Sub(began), nil
}

// accepting asks for an operation.
type accepting func(context.Context) (client.Operation, error)

func (c *caller) create(n tenant.Spec) accepting {
	return func(ctx context.Context) (client.Operation, error) {
		return c.api.CreateTenant(ctx, client.CreateTenantParams{
			Name: n.Name, AdminEmail: n.Administrator.Email, AdminFirstName: n.Administrator.FirstName, AdminLastName: n.Administrator.LastName,
		})
	}
}

// succeed asks for an operation, and waits until it has succeeded.
func (c *caller) succeed(ctx context.Context, ask accepting) (client.Operation, error) {
	o, err := ask(ctx)
	if err == nil {
		o, err = c.api.WaitFor(ctx, o.ID, func(o client.Operation) bool { return o.State.Ended() })
	}
	if err == nil {
		err = o.Err()
	}
	return o, err
}
