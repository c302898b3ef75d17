package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"

	"github.com/jackc/pgx/v5"
)

const (
	// hot is how many tenants hotShare of the requests are about.
	hot      = 200
	hotShare = 0.8
	// writeShare of the requests change a tenant, so that answers which are kept
	// become old.
	writeShare = 0.01
	// connections is how many the load is sent on at most. What arrives while all are
	// in use waits, and its latency has that in it.
	connections = 256
)

// reads are what is asked, and how often: those who follow an operation ask most.
var reads = []struct {
	percent int
	path    func(known, *rand.Rand) string
}{
	{40, func(k known, _ *rand.Rand) string { return "/v1/operations/" + k.Operation }},
	{30, func(k known, _ *rand.Rand) string { return "/v1/tenants/" + k.Tenant }},
	{20, func(k known, _ *rand.Rand) string { return "/v1/tenants/" + k.Tenant + "/provisioning" }},
	{10, func(_ known, r *rand.Rand) string {
		return []string{"/v1/tenants", "/v1/tenants?status=ACTIVE", "/v1/operations"}[r.IntN(3)]
	}},
}

// known is a tenant and its operation.
type known struct{ Tenant, Operation string }

// asking is one request.
type asking struct{ method, path, body string }

// mix draws n requests. The same seed draws the same ones.
func mix(all []known, n int, seed uint64) []asking {
	random := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // both ways must be asked the same
	requests := make([]asking, n)
	for i := range requests {
		of := all[random.IntN(len(all))]
		if random.Float64() < hotShare {
			of = all[random.IntN(min(hot, len(all)))]
		}
		if random.Float64() < writeShare {
			requests[i] = asking{http.MethodPatch, "/v1/tenants/" + of.Tenant, fmt.Sprintf(`{"adminFirstName":"Ada %d"}`, random.IntN(1_000_000))}
			continue
		}
		requests[i] = asking{method: http.MethodGet, path: draw(of, random)}
	}
	return requests
}

func draw(of known, random *rand.Rand) string {
	at := random.IntN(100)
	for _, r := range reads {
		if at -= r.percent; at < 0 {
			return r.path(of, random)
		}
	}
	return reads[0].path(of, random)
}

// known lists the tenants of the database in an order that has nothing to do with how
// they were made.
func (c *caller) known(ctx context.Context) ([]known, error) {
	rows, err := c.pool.Query(ctx, `SELECT tenant_id::text, id::text FROM operations ORDER BY md5(id::text)`)
	if err != nil {
		return nil, fmt.Errorf("list the tenants that are asked for: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[known])
}

// sender sends requests as they are, and reads the answers without decoding them, so
// that the load costs as little as it can of the CPU that it shares with the api.
func (c *caller) sender() (send func(context.Context, asking) error, stop func()) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxConnsPerHost, transport.MaxIdleConnsPerHost = connections, connections
	transport.DisableCompression = true
	sending := &http.Client{Transport: transport, Timeout: requestTimeout}
	send = func(ctx context.Context, a asking) error {
		req, err := http.NewRequestWithContext(ctx, a.method, c.url+a.path, strings.NewReader(a.body))
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+c.bearer)
		if a.body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		resp, err := sending.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode >= http.StatusMultipleChoices {
			said, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
			return fmt.Errorf("%s %s: %s: %s", a.method, a.path, resp.Status, said)
		}
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	return send, transport.CloseIdleConnections
}
