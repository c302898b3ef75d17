package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/uuid"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"tenant-provisioning/client"
)

// failure is one that no repetition mends, before the tenant is active.
type failure struct {
	step  client.StepName
	class client.FailureClass
	// says is a part of the reason that people read.
	says string
	// arrange brings it about, and returns what ends it.
	arrange func(*installation, operation) (end func())
}

var failures = map[string]failure{
	"the contract refuses the call": {
		step: "DEPLOY_SOROBAN_CONTRACT", class: "permanent", says: "contracts/tenant names its errors",
		arrange: func(i *installation, _ operation) func() {
			i.rpc.behave(func(c *rpcCall) {
				if c.method != protocol.SimulateTransactionMethodName {
					c.answer(c.forward())
					return
				}
				c.result(i.t, protocol.SimulateTransactionResponse{Error: "HostError: Error(Contract, #7)", LatestLedger: 1 << 20})
			})
			return i.rpc.heal
		},
	},
	// The contract is there by then, and must end.
	"the database rejects the activation": {
		step: "MARK_ACTIVE", class: "permanent", says: "SQLSTATE 22012",
		arrange: func(i *installation, _ operation) func() {
			i.execute(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM 1 / 0; RETURN NEW; END $$`)
			i.execute(`CREATE TRIGGER refuse BEFORE UPDATE ON tenants FOR EACH ROW WHEN (NEW.status = 'ACTIVE') EXECUTE FUNCTION refuse()`)
			return func() { i.execute(`DROP TRIGGER refuse ON tenants`) }
		},
	},
}

func (i *installation) execute(sql string, args ...any) {
	i.t.Helper()
	_, err := i.db.Exec(i.t.Context(), sql, args...)
	require.NoError(i.t, err, sql)
}

// TestFailureBeforeThePivot rolls everything back.
func TestFailureBeforeThePivot(t *testing.T) {
	t.Parallel()
	for name, f := range failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := install(t, nil)
			i.startAPI()
			o := i.create("Charité")
			end := f.arrange(i, o)
			worker := i.startWorker()
			o, tenant := i.isRolledBack(o, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED)
			require.Equal(t, f.step, o.FailedStep)
			require.Equal(t, f.class, o.FailureClass)
			require.Contains(t, o.FailureReason, f.says)
			require.Equal(t, o.FailureReason, tenant.FailureReason)
			require.Empty(t, o.AllowedActions)
			i.requireLogOfRollback(o)

			end()
			worker.kill()
			i.startWorker()
			again := i.create(tenant.Name) // the name is free
			i.becomesActive(again)
			i.requireNothingOf(tenant)
			i.requireNoMore()
		})
	}
}

// TestFaultsOfTheNetworkCostNoTenant: what is not a tenant's fault asks for attention
// at most, and what was made stays.
func TestFaultsOfTheNetworkCostNoTenant(t *testing.T) {
	t.Parallel()
	refusal, err := xdr.MarshalBase64(xdr.TransactionResult{Result: xdr.TransactionResultResult{Code: xdr.TransactionResultCodeTxBadAuth}})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		method string
		fault  func(*rpcCall)
		class  client.FailureClass
		says   string
	}{
		"the network refuses the signature": {
			sendTransaction, func(c *rpcCall) {
				c.result(t, protocol.SendTransactionResponse{Status: "ERROR", ErrorResultXDR: refusal, Hash: c.transactionHash(t)})
			}, "auth", "SOROBAN_CONTRACT_DEPLOYER_SECRET",
		},
		"the server cannot read the request": {
			protocol.SimulateTransactionMethodName, func(c *rpcCall) {
				c.answer([]byte(`{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"invalid parameters"}}`))
			}, "permanent", "error -32602: invalid parameters",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := install(t, impatient)
			i.startAPI()
			o := i.create("Charité")
			i.startWorker()
			i.rpc.behave(func(call *rpcCall) {
				if call.method == c.method {
					c.fault(call)
					return
				}
				call.answer(call.forward())
			})
			o = i.reaches(o.ID, "NEEDS_ATTENTION")
			require.Equal(t, c.class, o.FailureClass)
			require.Contains(t, o.FailureReason, c.says)
			i.rpc.heal()
			i.answered("retry", o.ID, "--reason", "the server is well again")
			i.becomesActive(o)
		})
	}
}

// TestAWorkerOfAnotherNetworkTakesNoLedgerWork, and does the rest: the tenant waits for
// one that is set right.
func TestAWorkerOfAnotherNetworkTakesNoLedgerWork(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.startAPI()
	wrong := i.with(map[string]string{"SOROBAN_NETWORK": "Another Network ; 2026"}).startWorker()
	wrong.says("taking no work on the ledger")
	require.Contains(t, wrong.stderr.String(), "SOROBAN_NETWORK is not the network of the server at SOROBAN_RPC_URL")
	o := i.create("Charité")
	eventually(t, "the schema is there", func() bool {
		return value[int](i, `SELECT count(*) FROM provisioning_logs WHERE operation_id = $1 AND step = 'SEED_ROLES_AND_USER' AND status = 'COMPLETED'`, o.ID) == 1
	})
	i.startWorker()
	i.becomesActive(o)
}

// TestAnotherNetworkBehindTheAddress: the worker goes on when the right one is back.
func TestAnotherNetworkBehindTheAddress(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.startAPI()
	i.rpc.behave(func(c *rpcCall) {
		if c.method == protocol.GetNetworkMethodName {
			c.result(t, protocol.GetNetworkResponse{Passphrase: "Another Network ; 2026"})
			return
		}
		c.answer(c.forward())
	})
	worker := i.startWorker()
	worker.says("taking no work on the ledger")
	o := i.create("Charité")
	i.rpc.heal()
	worker.says("taking work on the ledger again")
	i.becomesActive(o)
}

// requireLogOfRollback reads what an operator reads of it.
func (i *installation) requireLogOfRollback(o operation) {
	i.t.Helper()
	const row = `SELECT count(*) FROM provisioning_logs WHERE operation_id = $1 AND step = $2 AND status = $3`
	for _, step := range []string{"CREATE_SCHEMA", "RUN_MIGRATIONS", "SEED_ROLES_AND_USER"} {
		require.Equal(i.t, 1, value[int](i, row+` AND duration_ms > 0`, o.ID, step, "COMPLETED"), step)
		require.Equal(i.t, 1, value[int](i, row+` AND undo_duration_ms > 0 AND duration_ms IS NULL`, o.ID, step, "ROLLED_BACK"), step)
	}
	// An attempt whose end the worker could not tell in time is made once more.
	require.Positive(i.t, value[int](i, row+` AND duration_ms > 0 AND error_class = $4 AND error <> ''`, o.ID, o.FailedStep, "FAILED", o.FailureClass), "the failed attempt")
	require.Zero(i.t, value[int](i, `SELECT count(*) FROM provisioning_logs WHERE operation_id = $1 AND status = 'IN_PROGRESS'`, o.ID))
}

// TestForeignSchema leaves alone what it finds in its place.
func TestForeignSchema(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.startAPI()
	o := i.create("Charité")
	schema := i.tenant(o.TenantID).SchemaName
	i.execute(fmt.Sprintf(`CREATE SCHEMA %q; CREATE TABLE %q.patients AS SELECT 'Ada' AS name`, schema, schema))
	i.startWorker()
	o = i.reaches(o.ID, "ROLLED_BACK")
	require.Equal(t, client.StepNameCreateSchema, o.FailedStep)
	require.Equal(t, client.FailureClassConflict, o.FailureClass)
	require.Equal(t, client.StatusFailed, i.tenant(o.TenantID).Status)
	require.Equal(t, "Ada", value[string](i, fmt.Sprintf(`SELECT name FROM %q.patients`, schema)))
	require.Zero(t, i.contractsMade())
}

// TestMailIsRejected: the tenant is active, and a person corrects the address.
func TestMailIsRejected(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.start()
	body := request("Charité")
	wrong, right := body.AdminEmail, "ada@right.example"
	i.mail.RejectAddress(wrong)
	o := i.createAs(body)
	o = i.reaches(o.ID, "NEEDS_ATTENTION")
	require.Equal(t, client.StepNameSendWelcomeEmail, o.FailedStep)
	require.Equal(t, client.FailureClassPermanent, o.FailureClass)
	require.NotContains(t, o.FailureReason, wrong, "an address is personal")
	require.ElementsMatch(t, []client.Action{client.ActionRetry, client.ActionSkip}, o.AllowedActions)
	i.requireTenant(o)
	i.refuses(o, "rollback")

	r := i.insist(http.MethodPatch, "/v1/tenants/"+o.TenantID, map[string]string{"adminEmail": right})
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	i.actUntilAccepted(o.ID, "retry")
	tenant := i.becomesActive(o)
	require.Equal(t, right, tenant.AdminEmail)
	require.Empty(t, i.mails(wrong))
	i.setsFirstPassword(tenant)
}

// refuses checks that an action is refused and nothing has changed.
func (i *installation) refuses(o operation, action string) {
	i.t.Helper()
	before := i.operation(o.ID)
	r := i.insist(http.MethodPost, "/v1/operations/"+o.ID+"/"+action, map[string]string{"reason": "a test", "requestId": uuid.NewString()})
	require.Equal(i.t, http.StatusConflict, r.status, "%s", r.body)
	p := read[problem](i, r)
	require.Equal(i.t, client.CodeActionRefused, p.Code)
	require.Equal(i.t, before.State, p.State)
	require.ElementsMatch(i.t, before.AllowedActions, p.AllowedActions)
	require.Equal(i.t, before, i.operation(o.ID))
	require.Equal(i.t, "refused", value[string](i, `SELECT outcome FROM audit_log WHERE operation_id = $1 AND action = $2 ORDER BY id DESC LIMIT 1`, o.ID, action))
}
