package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/mail/mailtest"
)

// TestStatusFollow tells of each step as it happens, also when the database breaks
// every connection in the middle, and ends with the operation.
func TestStatusFollow(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	held := i.rpc.hold(t, sendTransaction, beforeSending)
	i.start()
	o := i.create("Charité")
	following := []*process{i.starter("status", o.ID, "--follow"), i.starter("status", o.TenantID, "--follow")}
	held.await()
	for _, p := range following {
		p.says("DEPLOY_SOROBAN_CONTRACT IN_PROGRESS")
		require.NotContains(t, p.stderr.String(), "MARK_ACTIVE")
		require.Empty(t, p.stdout.String(), "the status comes at the end")
	}
	i.execute(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name <> 'test'`)
	held.release()
	for _, p := range following {
		require.Zero(t, p.wait(), p.stderr.String())
		i.hasTold(p, o, "PENDING", "RUNNING", "CREATE_SCHEMA COMPLETED", "DEPLOY_SOROBAN_CONTRACT COMPLETED", "RUNNING  tenant ACTIVE", "MARK_ACTIVE COMPLETED", "SEND_WELCOME_EMAIL COMPLETED", "SUCCEEDED")
		require.Contains(t, p.stdout.String(), "SUCCEEDED")
	}
	over := i.answered("status", o.ID, "--follow")
	require.Zero(t, over.wait(), over.stderr.String())
	i.hasTold(over, o, "PENDING", "SUCCEEDED")
}

// TestStatusFollowsToTheParking, and says with its exit code that a person is needed.
func TestStatusFollowsToTheParking(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.mail.Fail(mailtest.Fault{Status: http.StatusBadRequest})
	i.startAPI()
	o := i.create("Charité")
	p := i.starter("status", o.ID, "--follow")
	p.says("PENDING")
	i.startWorker()
	require.Equal(t, 3, p.wait(), p.stderr.String())
	i.hasTold(p, o, "MARK_ACTIVE COMPLETED", "SEND_WELCOME_EMAIL FAILED", "NEEDS_ATTENTION  SEND_WELCOME_EMAIL  permanent")
	require.Contains(t, p.stdout.String(), "starter retry "+o.ID)
}

// hasTold checks that a following has written a line for each of an operation's
// events, among them these, in this order.
func (i *installation) hasTold(p *process, o operation, told ...string) {
	i.t.Helper()
	text := p.stderr.String()
	var lines []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "{") && strings.Contains(line, "Z  ") { // it may say something else
			lines = append(lines, line)
		}
	}
	require.Len(i.t, lines, value[int](i, `SELECT count(*) FROM events WHERE operation_id = $1`, o.ID), text)
	for _, line := range lines {
		if len(told) > 0 && strings.Contains(line, "  "+told[0]) {
			told = told[1:]
		}
	}
	require.Empty(i.t, told, "not told, or not in this order: %s", text)
}
