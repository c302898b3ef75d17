package rest_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/api/rest"
	"tenant-provisioning/internal/tenant"
)

// TestAnUnavailableSystemIsNamed to the caller, and its error is in the log
// under the request's id.
func TestAnUnavailableSystemIsNamed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o := b.create(t, "Charité")
	b.exec(t, `UPDATE operations SET state = 'NEEDS_ATTENTION', run_id = 'r' WHERE id = $1`, o["id"])
	a := b.send(t, http.MethodPost, "/v1/operations/"+o["id"].(string)+"/retry", operator(t), `{"reason": "again"}`)
	p := a.problem(t, http.StatusServiceUnavailable, rest.CodeUnavailable)
	require.Equal(t, "Temporal does not answer: nobody knows whether the action was taken; read the operation, then send it again.", p.Detail)
	require.Equal(t, "2", a.header.Get("Retry-After"))
	require.Regexp(t, `"a request could not be served","error":"temporarily unavailable: Temporal does not answer.*TEMPORAL_ADDRESS.*"requestId":"`+p.RequestID, b.logs.String())
	require.Equal(t, []string{"ada@platform retry refused again"}, b.audited(t, "operation_id = $1 AND action = 'retry'", o["id"]))
}

type steering = rest.Operations

// gone has lost its runs.
type gone struct{ steering }

func (gone) Act(context.Context, tenant.OperationID, tenant.Action, tenant.ActionRequest, tenant.Caller) (tenant.Operation, error) {
	return tenant.Operation{}, fmt.Errorf("act: %w", &tenant.UnavailableError{Reason: "the operation's run is gone", RetryAfter: 5 * time.Minute, Err: tenant.ErrRunGone})
}

// TestRetryAfterIsWhenItHelps: what only the reconciler mends is not asked for
// again after two seconds.
func TestRetryAfterIsWhenItHelps(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *rest.Config) { c.Operations = gone{c.Operations} })
	o := b.create(t, "Charité")
	a := b.send(t, http.MethodPost, "/v1/operations/"+o["id"].(string)+"/retry", operator(t), `{"reason": "again"}`)
	p := a.problem(t, http.StatusServiceUnavailable, rest.CodeUnavailable)
	require.Equal(t, "The operation's run is gone.", p.Detail)
	require.Equal(t, "300", a.header.Get("Retry-After"))
}

// TestADatabaseThatRefusesUsSaysWhy: the operator has to learn from the answer which
// privilege, table or column is missing.
func TestADatabaseThatRefusesUsSaysWhy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ done, says, logs string }{
		"a privilege is gone": {`REVOKE INSERT ON audit_log FROM CURRENT_USER`, "DB_USERNAME lacks a privilege", "permission denied for table audit_log"},
		"of another version":  {`ALTER TABLE audit_log RENAME COLUMN outcome TO result`, "The database lacks a table, column, index or function", `column \"outcome\"`},
		"a table is gone":     {`DROP TABLE audit_log`, "The database lacks a table, column, index or function", `relation \"audit_log\"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.exec(t, c.done)
			a := b.send(t, http.MethodPost, "/v1/tenants", operator(t), request("Charité"))
			p := a.problem(t, http.StatusServiceUnavailable, rest.CodeUnavailable)
			require.Contains(t, p.Detail, c.says)
			require.Contains(t, b.logs.String(), c.logs)
		})
	}
}

// TestReadinessSaysWhyTheDatabaseIsOfNoUse, instead of that it does not answer.
func TestReadinessSaysWhyTheDatabaseIsOfNoUse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, `REVOKE SELECT ON goose_db_version FROM CURRENT_USER`)
	p := b.send(t, http.MethodGet, "/readyz", nil, "").problem(t, http.StatusServiceUnavailable, rest.CodeUnavailable)
	require.Contains(t, p.Detail, "DB_USERNAME lacks a privilege")
}
