package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/starter/output"
)

// accepted makes n tenants whose operations wait for a worker.
func (b *bundle) accepted(n int) []string {
	b.t.Helper()
	ids := make([]string, n)
	for i := range ids {
		var p output.Accepted
		b.good(&p, "provision", "--name", "Hospital "+strings.Repeat("I", i+1), "--admin-email", "ada@hospital.example",
			"--admin-first-name", "Ada", "--admin-last-name", "Lovelace")
		ids[i] = string(p.Operation.ID)
	}
	return ids
}

// typing runs a command at whose question somebody types.
func (b *bundle) typing(text string, args ...string) ran {
	b.t.Helper()
	var out, errs bytes.Buffer
	a := &app{in: strings.NewReader(text), out: &out, err: &errs, now: time.Now, settings: config.Options{Environ: b.environ, Dir: b.dir}}
	code := a.run(b.t.Context(), args)
	return ran{code, out.String(), errs.String()}
}

func (b *bundle) rolledBack() (n int) {
	b.t.Helper()
	require.NoError(b.t, b.pool.QueryRow(b.t.Context(), `SELECT count(*) FROM operations WHERE state = 'ROLLED_BACK'`).Scan(&n))
	return n
}

// TestBulkAsksFirst shows what is selected and does nothing unless its number
// is typed; a second run acts on what is left.
func TestBulkAsksFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := b.accepted(3)
	args := []string{"rollback", "--state", "PENDING", "--reason", "INC-1", "--rate", "100"}
	for _, typed := range []string{"", "yes\n", "2\n"} {
		r := b.typing(typed, args...)
		require.Equal(t, exitUsage, r.code, r.errors)
		for _, id := range ids {
			require.Contains(t, r.errors, id)
		}
		require.Zero(t, b.rolledBack())
	}
	results := filepath.Join(b.dir, "results")
	r := b.typing("3\n", append(args, "--results", results)...)
	require.Equal(t, exitOK, r.code, r.errors)
	require.Contains(t, r.out, "3 accepted, 0 refused, 0 not reached")
	require.Equal(t, 3, b.rolledBack())
	lines, err := os.ReadFile(results)
	require.NoError(t, err)
	require.Equal(t, 3, bytes.Count(lines, []byte(`"outcome":"accepted"`)))
	r = b.run(append(args, "--yes")...)
	require.Equal(t, exitOK, r.code, r.errors)
	require.Contains(t, r.out, "nothing is selected")
}

func TestBulkFilters(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := b.accepted(3)
	b.exec(`UPDATE operations SET failed_step = 'CREATE_SCHEMA', failure_class = 'capacity' WHERE id = $1`, ids[0])
	b.exec(`UPDATE operations SET failed_step = 'CREATE_SCHEMA', failure_class = 'auth', updated_at = now() - interval '2 hours' WHERE id = $1`, ids[1])
	for filter, want := range map[string]int{
		"--step create_schema": 2, "--class auth": 1, "--older-than 1h": 1, "--older-than 3h": 0, "--step CREATE_SCHEMA --class auth": 1,
	} {
		r := b.typing("no\n", append([]string{"rollback", "--state", "PENDING", "--reason", "x"}, strings.Fields(filter)...)...)
		require.Equal(t, want, strings.Count(r.errors, "PENDING"), filter)
	}
	r := b.run("retry", "--state", "PENDING", "--reason", "x", "--yes")
	require.Contains(t, r.out, "nothing is selected that allows retry")
	require.Zero(t, b.rolledBack())
}

// TestBulkStopsBetweenTwoActions when it is interrupted, and says what is left.
func TestBulkStopsBetweenTwoActions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.accepted(3)
	ctx, interrupt := context.WithCancel(t.Context())
	go func() {
		for b.pool.Ping(ctx) == nil {
			var n int
			if err := b.pool.QueryRow(ctx, `SELECT count(*) FROM operations WHERE state = 'ROLLED_BACK'`).Scan(&n); err != nil || n > 0 {
				interrupt()
				return
			}
		}
	}()
	r := b.runUntil(ctx, "rollback", "--state", "PENDING", "--reason", "x", "--yes", "--rate", "0.001")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.out, "1 accepted, 0 refused, 2 not reached")
	require.Contains(t, r.errors, "run the same command again")
	require.Equal(t, 1, b.rolledBack())
}

func TestRollbackByPlanAndReprovision(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.accepted(1)[0]
	var plan output.Plan
	b.good(&plan, "rollback", id, "--dry-run")
	require.Len(t, plan.Steps, 1)
	require.Zero(t, b.rolledBack())
	shown := b.run("rollback", id, "--dry-run")
	require.Contains(t, shown.out, "starter rollback "+id+" --plan-hash "+plan.PlanHash)

	r := b.run("rollback", id, "--plan-hash", "0123", "--reason", "x")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, plan.PlanHash)
	require.Contains(t, r.errors, "--dry-run")
	var acted output.Acted
	b.good(&acted, "rollback", id, "--plan-hash", plan.PlanHash, "--reason", "x")
	require.Equal(t, 1, b.rolledBack())

	var again output.Accepted
	b.good(&again, "reprovision", string(acted.Operation.TenantID), "--reason", "it was none", "--idempotency-key", "k")
	require.Equal(t, 2, again.Operation.Generation)
	require.Equal(t, acted.Operation.TenantID, again.Tenant.ID)
	r = b.run("reprovision", string(again.Tenant.ID))
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, "reprovision is refused: the tenant is PENDING")
}
