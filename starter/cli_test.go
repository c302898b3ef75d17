package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/tenant"
)

// secret is long enough for a signature, and repeats itself so that nobody
// takes it for a real one.
const secret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// bundle is a command line with a database of its own.
type bundle struct {
	t       *testing.T
	pool    *pgxpool.Pool
	environ []string
	dir     string
	// terminal has the next runs draw a bar.
	terminal bool
}

func setup(t *testing.T) *bundle {
	t.Helper()
	pool, c := postgrestest.NewWithConfig(t)
	return &bundle{t: t, pool: pool, dir: t.TempDir(), environ: []string{
		"DB_HOST=" + c.Host, "DB_PORT=" + strconv.Itoa(c.Port), "DB_USERNAME=" + c.User, "DB_PASSWORD=" + c.Password,
		"DB_NAME=" + c.Database, "DB_SSLMODE=" + c.SSLMode, "JWT_SECRET=" + secret, "LOG_LEVEL=error",
		// Nobody listens on the discard port: what needs Temporal says so.
		"TEMPORAL_ADDRESS=127.0.0.1:9",
	}}
}

// ran is what a run of the command line left.
type ran struct {
	code        int
	out, errors string
}

func (b *bundle) run(args ...string) ran {
	b.t.Helper()
	return b.runUntil(b.t.Context(), args...)
}

func (b *bundle) runUntil(ctx context.Context, args ...string) ran {
	b.t.Helper()
	var out, errs bytes.Buffer
	a := &app{out: &out, err: &errs, terminal: b.terminal, now: time.Now, settings: config.Options{Environ: b.environ, Dir: b.dir}}
	code := a.run(ctx, args)
	return ran{code, out.String(), errs.String()}
}

// good runs a command that must succeed and decodes its JSON.
func (b *bundle) good(into any, args ...string) {
	b.t.Helper()
	r := b.run(append(args, "--output", "json")...)
	require.Equal(b.t, exitOK, r.code, r.errors)
	require.NoError(b.t, json.Unmarshal([]byte(r.out), into))
}

func (b *bundle) file(name, content string) string {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	require.NoError(b.t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func (b *bundle) exec(sql string, args ...any) {
	b.t.Helper()
	_, err := b.pool.Exec(b.t.Context(), sql, args...)
	require.NoError(b.t, err)
}

func (b *bundle) count(sql string, args ...any) int {
	b.t.Helper()
	var n int
	require.NoError(b.t, b.pool.QueryRow(b.t.Context(), `SELECT count(*) FROM `+sql, args...).Scan(&n))
	return n
}

const (
	activate = `WITH done AS (
			UPDATE operations SET state = 'SUCCEEDED', pivot_passed = true, finished_at = now(), updated_at = now()
			WHERE state = 'PENDING' AND tenant_id IN (SELECT id FROM tenants WHERE name LIKE $1) RETURNING tenant_id)
		UPDATE tenants SET status = 'ACTIVE', contract_id = 'C' || replace(id::text, '-', ''), activated_at = now()
		WHERE id IN (SELECT tenant_id FROM done)`
	rollBack = `WITH done AS (
			UPDATE operations SET state = 'ROLLED_BACK', failed_step = 'DEPLOY_SOROBAN_CONTRACT', failure_class = 'permanent',
				failure_reason = 'the network refuses the contract', finished_at = now(), updated_at = now()
			WHERE state = 'PENDING' AND tenant_id IN (SELECT id FROM tenants WHERE name LIKE $1) RETURNING tenant_id)
		UPDATE tenants SET status = 'FAILED', name_held = false, failure_reason = 'the network refuses the contract' WHERE id IN (SELECT tenant_id FROM done)`
	park = `WITH done AS (
			UPDATE operations SET state = 'NEEDS_ATTENTION', pivot_passed = true, failed_step = 'SEND_WELCOME_EMAIL', failure_class = 'permanent',
				failure_reason = 'smtp: refused the recipient''s address (550 5.1.1): ` + tenant.ChangeAddress + `', attempts = 1, attention_deadline = now() + interval '72 hours', updated_at = now()
			WHERE state = 'PENDING' AND tenant_id IN (SELECT id FROM tenants WHERE name LIKE $1) RETURNING tenant_id)
		UPDATE tenants SET status = 'ACTIVE', contract_id = 'CABC', activated_at = now() WHERE id IN (SELECT tenant_id FROM done)`
)

// work does to waiting operations of tenants with such a name what a worker's
// run would have written in the end, until the returned function is called.
func (b *bundle) work(sql, name string) (stop func()) {
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				// An error ends with the test, which then misses what was not done.
				_, _ = b.pool.Exec(ctx, sql, name)
			}
		}
	}()
	stop = func() { cancel(); <-ended }
	b.t.Cleanup(stop)
	return stop
}
