package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	sdk "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"tenant-provisioning/client"
	"tenant-provisioning/internal/mail/mailtest"
)

// tool is a way to act on an operation.
type tool struct {
	name string
	act  func(i *installation, o operation, action string)
}

var tools = []tool{
	{"the API", func(i *installation, o operation, action string) { i.actUntilAccepted(o.ID, action) }},
	{"starter", func(i *installation, o operation, action string) {
		request := uuid.NewString()
		eventually(i.t, action+" is accepted", func() bool {
			p := i.starter(action, o.ID, "--reason", "a test", "--request-id", request)
			accepted := p.wait() == 0
			require.True(i.t, accepted || strings.Contains(p.stderr.String(), "temporarily unavailable"), p.stderr.String())
			return accepted
		})
	}},
	{"a signal", func(i *installation, o operation, action string) {
		require.NoError(i.t, i.signal(o, action))
		err := i.signal(o, action) // acts once
		if _, over := errors.AsType[*serviceerror.NotFound](err); !over {
			require.NoError(i.t, err)
		}
	}},
	{"an update", func(i *installation, o operation, action string) { require.NoError(i.t, i.update(o, action)) }},
}

// input is what a person types into tctl or temporal.
var input = json.RawMessage(`{"actor": "oncall", "reason": "a test", "requestId": "INC-4711"}`)

func (i *installation) signal(o operation, action string) error {
	return i.asksTemporal(func() error { return i.temporal().SignalWorkflow(i.t.Context(), workflowID(o), "", action, input) })
}

func (i *installation) update(o operation, action string) error {
	return i.asksTemporal(func() error {
		handle, err := i.temporal().UpdateWorkflow(i.t.Context(), sdk.UpdateWorkflowOptions{
			WorkflowID: workflowID(o), UpdateName: action, Args: []any{input}, WaitForStage: sdk.WorkflowUpdateStageCompleted,
		})
		if err != nil {
			return err
		}
		return handle.Get(i.t.Context(), nil)
	})
}

// impatient is an installation whose steps park when a server wants to be asked
// again in a minute. A step that works must be done in that time too, on a busy
// machine.
var impatient = map[string]string{"STEP_RETRY_BUDGET": "50s"}

// parksBeforeThePivot has an operation whose contract cannot be deployed.
func (i *installation) parksBeforeThePivot() operation {
	i.t.Helper()
	i.rpc.refuse()
	i.start()
	o := i.reaches(i.create("Charité").ID, "NEEDS_ATTENTION")
	require.Equal(i.t, client.StepNameDeploySorobanContract, o.FailedStep)
	require.Equal(i.t, client.FailureClassExhausted, o.FailureClass)
	require.Contains(i.t, o.FailureReason, "SOROBAN_RPC_URL")
	require.Positive(i.t, o.Attempts)
	require.ElementsMatch(i.t, []client.Action{client.ActionRetry, client.ActionRollback}, o.AllowedActions)
	require.Equal(i.t, client.StatusProvisioning, i.tenant(o.TenantID).Status)
	return o
}

// parksAfterThePivot has one whose mail is refused, until the server recovers.
func (i *installation) parksAfterThePivot() operation {
	i.t.Helper()
	i.mail.Fail(mailtest.Fault{Status: http.StatusBadRequest})
	i.start()
	o := i.reaches(i.create("Charité").ID, "NEEDS_ATTENTION")
	require.Equal(i.t, client.StepNameSendWelcomeEmail, o.FailedStep)
	require.Equal(i.t, client.FailureClassPermanent, o.FailureClass)
	require.ElementsMatch(i.t, []client.Action{client.ActionRetry, client.ActionSkip}, o.AllowedActions)
	i.requireTenant(o)
	return o
}

func TestRetry(t *testing.T) {
	t.Parallel()
	for _, tool := range tools {
		t.Run("before the pivot by "+tool.name, func(t *testing.T) {
			t.Parallel()
			i := install(t, impatient)
			o := i.parksBeforeThePivot()
			i.refuses(o, "skip")
			i.rpc.heal()
			tool.act(i, o, "retry")
			i.becomesActive(o)
			i.requireAudited(o, "retry", tool)
			i.requireNoMore()
		})
		t.Run("after the pivot by "+tool.name, func(t *testing.T) {
			t.Parallel()
			i := install(t, nil)
			o := i.parksAfterThePivot()
			i.refuses(o, "rollback")
			i.mail.Recover()
			tool.act(i, o, "retry")
			i.becomesActive(o)
			i.requireAudited(o, "retry", tool)
		})
	}
}

// TestRefusedByTheRun: who acts past the API is refused by the run, and that is
// audited too.
func TestRefusedByTheRun(t *testing.T) {
	t.Parallel()
	i := install(t, impatient)
	o := i.parksBeforeThePivot()
	var refusal *temporal.ApplicationError
	require.ErrorAs(t, i.update(o, "skip"), &refusal)
	require.Equal(t, "ActionRefused", refusal.Type())
	require.Contains(t, refusal.Message(), "retry, rollback", "it says what is allowed")
	require.NoError(t, i.signal(o, "skip"), "a signal has no answer")
	eventually(t, "the refusals stand in the audit log", func() bool {
		return value[int](i, `SELECT count(*) FROM audit_log WHERE operation_id = $1 AND action = 'skip' AND outcome = 'refused' AND actor = 'oncall'`, o.ID) > 0
	})
	require.Equal(t, o, i.operation(o.ID))
}

// TestASignalOfRubbish is refused and audited, and stops nothing.
func TestASignalOfRubbish(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	o := i.parksAfterThePivot()
	for _, rubbish := range []any{
		map[string]string{"actor": "a\x00", "reason": "x"}, map[string]string{"actor": strings.Repeat("ä", 5000), "reason": "x", "requestId": uuid.NewString() + rand.Text() + strings.Repeat("€", 1000)},
		"not an object", 7,
	} {
		require.NoError(t, i.asksTemporal(func() error {
			return i.temporal().SignalWorkflow(t.Context(), workflowID(o), "", "skip", rubbish)
		}))
	}
	require.NoError(t, i.asksTemporal(func() error {
		return i.temporal().SignalWorkflow(t.Context(), workflowID(o), "", "skp", map[string]string{"actor": "oncall", "reason": "a test"})
	}))
	var status struct{ LastRefused struct{ Action, Why string } }
	eventually(t, "the run says what it has refused", func() bool {
		answer, err := i.temporal().QueryWorkflow(t.Context(), workflowID(o), "", "status")
		return err == nil && answer.Get(&status) == nil && status.LastRefused.Action == "signal"
	})
	require.Contains(t, status.LastRefused.Why, `there is no signal "skp"`)
	i.mail.Recover()
	i.actUntilAccepted(o.ID, "retry")
	i.becomesActive(o)
	// An entry without a request's id stands twice where its writer was not told
	// that it stands.
	refused := func(what, action, detail string) int {
		return value[int](i, `SELECT count(DISTINCT `+what+`) FROM audit_log
			WHERE operation_id = $1 AND outcome = 'refused' AND action = $2 AND detail LIKE $3`, o.ID, action, detail+"%")
	}
	require.Equal(t, 3, refused("actor", "skip", ""), "two that are named, and the nameless")
	require.GreaterOrEqual(t, refused("id", "skip", "its input cannot be read"), 2)
	require.Equal(t, 1, refused("actor", "signal", `there is no signal "skp"`))
}

// TestOperatorSeesWhatIsParked looks with every tool for what needs a person.
func TestOperatorSeesWhatIsParked(t *testing.T) {
	t.Parallel()
	i := install(t, impatient)
	o := i.parksBeforeThePivot()
	var shown string
	eventually(t, "the metrics have what the database has counted", func() bool { // which is not waited for longer than two seconds, and kept for five
		shown = i.metrics()
		return strings.Contains(shown, `provisioning_operations{state="NEEDS_ATTENTION"} 1`)
	})
	require.Contains(t, shown, `operations_parked{class="exhausted",state="NEEDS_ATTENTION",step="DEPLOY_SOROBAN_CONTRACT"} 1`)
	require.Contains(t, shown, `provisioning_operations{state="RUNNING"} 0`)
	listed, err := i.client().ListOperations(t.Context(), client.ListOperationsParams{State: client.StateNeedsAttention})
	require.NoError(t, err)
	o.RetryAfter, o.ETag = 0, "" // these are of an answer, which a list has one of
	require.Equal(t, []operation{o}, listed.Items)
	require.Contains(t, i.output("list", "--attention"), o.ID)
	status := i.answered("status", o.TenantID)
	require.Equal(t, 3, status.wait(), "the exit code says that a person is needed")
	for _, part := range []string{"NEEDS_ATTENTION", "DEPLOY_SOROBAN_CONTRACT", "SOROBAN_RPC_URL", "starter retry " + o.ID, "starter rollback " + o.ID} {
		require.Contains(t, status.stdout.String(), part)
	}

	c := i.temporal()
	eventually(t, "the run is found by its search attributes", func() bool {
		r, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
			Query: `OperationState = 'NEEDS_ATTENTION' AND FailedStep = 'DEPLOY_SOROBAN_CONTRACT' AND FailureClass = 'exhausted' AND TenantId = '` + o.TenantID + `'`,
		})
		return err == nil && len(r.GetExecutions()) == 1 && r.GetExecutions()[0].GetExecution().GetWorkflowId() == workflowID(o)
	})
	var asked struct{ State, FailedStep, Reason string }
	require.NoError(t, i.asksTemporal(func() error {
		answer, err := c.QueryWorkflow(t.Context(), workflowID(o), "", "status")
		if err != nil {
			return err
		}
		return answer.Get(&asked)
	}))
	require.Equal(t, "NEEDS_ATTENTION", asked.State)
	require.Equal(t, o.FailureReason, asked.Reason)
}

// TestEncryptedPayloads keeps what Temporal stores from its operators, and
// still takes their signals in clear.
func TestEncryptedPayloads(t *testing.T) {
	t.Parallel()
	i := install(t, map[string]string{"PAYLOAD_KEYS": "k1:" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))})
	o := i.parksAfterThePivot()
	i.isDecrypted(o)
	i.isReadWithoutACodec(o)
	o = i.reaches(o.ID, "NEEDS_ATTENTION")
	i.mail.Recover()
	require.NoError(t, i.signal(o, "retry"))
	i.becomesActive(o)
	history := i.temporal().GetWorkflowHistory(t.Context(), workflowID(o), "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	encrypted := 0
	for history.HasNext() {
		event, err := history.Next()
		require.NoError(t, err)
		for _, p := range event.GetWorkflowExecutionStartedEventAttributes().GetInput().GetPayloads() {
			require.NotContains(t, string(p.GetData()), o.ID)
			encrypted++
		}
	}
	require.Positive(t, encrypted)
}

// isDecrypted asks for an operation's state as an engineer does who sees
// ciphertext.
func (i *installation) isDecrypted(o operation) {
	i.t.Helper()
	codec := i.starter("codec", "--listen", host+":0")
	codec.says("Ctrl-C ends it")
	endpoint := regexp.MustCompile(`http://\S+:\d+`).FindString(codec.stdout.String())
	query := `temporal workflow query --workflow-id ` + workflowID(o) + ` --type status`
	eventually(i.t, "the run says why it is parked", func() bool { // it hears of its state last
		return strings.Contains(i.types(query+` --codec-endpoint `+endpoint), o.FailureReason)
	})
	require.NotContains(i.t, i.types(query), o.FailureReason)
	codec.Signal(syscall.SIGINT)
	require.Zero(i.t, codec.wait())
}

// isReadWithoutACodec holds the page of the runbooks to what temporal says of an
// update whose answer it cannot decrypt: how a refused one and an accepted one
// are told apart.
func (i *installation) isReadWithoutACodec(o operation) {
	i.t.Helper()
	page, err := os.ReadFile(filepath.Join(runbooks, "README.md"))
	require.NoError(i.t, err)
	for _, c := range []struct{ action, outcome, says string }{
		{"rollback", "refused", "Encoded failure (type: ActionRefused"},
		{"retry", "accepted", "encoding binary/encrypted: payload encoding is not supported"},
	} {
		require.Contains(i.t, string(page), "`"+c.says)
		update := `temporal workflow update execute --workflow-id ` + workflowID(o) + ` --name ` + c.action + ` --input '{"actor":"oncall","reason":"a test"}'`
		p := untilAnswered(i.t, update, func() *process { return i.shell(update, nil) })
		require.Equal(i.t, 1, p.wait())
		require.Contains(i.t, p.stderr.String(), c.says)
		eventually(i.t, "it is audited", func() bool {
			return value[bool](i, `SELECT EXISTS (SELECT FROM audit_log WHERE operation_id = $1 AND action = $2 AND outcome = $3)`, o.ID, c.action, c.outcome)
		})
	}
	eventually(i.t, "it was tried again, in vain", func() bool { return i.operation(o.ID).Attempts > o.Attempts })
}

// TestRetryThatFails parks again, and counts on.
func TestRetryThatFails(t *testing.T) {
	t.Parallel()
	i := install(t, impatient)
	i.mail.Fail(mailtest.Fault{Status: http.StatusServiceUnavailable})
	i.start()
	o := i.reaches(i.create("Charité").ID, "NEEDS_ATTENTION")
	require.Equal(t, client.StepNameSendWelcomeEmail, o.FailedStep)
	require.Equal(t, client.FailureClassExhausted, o.FailureClass)
	i.actUntilAccepted(o.ID, "retry")
	eventually(t, "it parks again after more attempts", func() bool {
		again := i.operation(o.ID)
		return again.State == "NEEDS_ATTENTION" && again.Attempts > o.Attempts
	})
	i.mail.Recover()
	i.actUntilAccepted(o.ID, "retry")
	i.becomesActive(o)
}

func TestRollback(t *testing.T) {
	t.Parallel()
	for _, tool := range tools {
		t.Run(tool.name, func(t *testing.T) {
			t.Parallel()
			i := install(t, impatient)
			o := i.parksBeforeThePivot() // nothing was sent: nothing is to be asked of the ledger
			tool.act(i, o, "rollback")
			o, _ = i.isRolledBack(o, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED)
			require.Equal(t, client.FailureClassCancelled, o.FailureClass)
			i.requireAudited(o, "rollback", tool)
			i.refuses(o, "retry")
		})
	}
}

func TestSkip(t *testing.T) {
	t.Parallel()
	for _, tool := range tools {
		t.Run(tool.name, func(t *testing.T) {
			t.Parallel()
			i := install(t, nil)
			o := i.parksAfterThePivot()
			tool.act(i, o, "skip")
			i.isGivenUp(o)
			i.requireAudited(o, "skip", tool)
		})
	}
}

// isGivenUp waits for an operation that ends without its mail.
func (i *installation) isGivenUp(o operation) {
	i.t.Helper()
	i.reaches(o.ID, "SUCCEEDED")
	t := i.requireTenant(o)
	require.Empty(i.t, i.mails(t.AdminEmail))
	require.Equal(i.t, 1, value[int](i, `SELECT count(*) FROM provisioning_logs WHERE operation_id = $1 AND step = 'SEND_WELCOME_EMAIL' AND status = 'SKIPPED'`, o.ID))
	i.requireNoMore()
}

// requireAudited checks that an action stands once in the audit log.
func (i *installation) requireAudited(o operation, action string, by tool) {
	i.t.Helper()
	const accepted = `SELECT count(*) FROM audit_log WHERE operation_id = $1 AND action = $2 AND outcome = 'accepted' AND reason = 'a test' AND actor <> ''`
	eventually(i.t, "the action stands in the audit log", func() bool { return value[int](i, accepted, o.ID, action) > 0 })
	require.Equal(i.t, 1, value[int](i, accepted, o.ID, action), by.name)
	claimed := value[bool](i, `SELECT bool_or(actor_claimed) FROM audit_log WHERE operation_id = $1 AND action = $2 AND outcome = 'accepted'`, o.ID, action)
	require.Equal(i.t, by.name != "the API", claimed, "nobody but the API has checked who acts")
}

// TestRollbackWhileAStepRuns cancels the step, waits until it has settled and
// undoes it as well.
func TestRollbackWhileAStepRuns(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(*installation) hold{
		"schema":                       row("provisioning_logs", "NEW.step = 'SEED_ROLES_AND_USER'"),
		"contract, nothing was sent":   rpc(sendTransaction, beforeSending),
		"contract, the answer is lost": rpc(sendTransaction, afterSending),
		"contract, it is not stored":   row("tenants", "NEW.contract_id IS NOT NULL AND NEW.status = 'PROVISIONING'"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := install(t, nil)
			i.start()
			held := stop(i)
			o := i.create("Charité")
			held.await()
			i.refuses(o, "retry")
			i.actUntilAccepted(o.ID, "rollback")
			held.release()
			i.isRolledBack(o, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED)
		})
	}
}

// TestDeadline decides when nobody does.
func TestDeadline(t *testing.T) {
	t.Parallel()
	t.Run("before the pivot", func(t *testing.T) {
		t.Parallel()
		i := install(t, map[string]string{"STEP_RETRY_BUDGET": "2s", "ATTENTION_DEADLINE": "2s"})
		i.rpc.fail(http.StatusServiceUnavailable)
		i.start()
		o, _ := i.isRolledBack(i.create("Charité"), enumspb.WORKFLOW_EXECUTION_STATUS_FAILED)
		require.Equal(t, client.FailureClassExhausted, o.FailureClass, "which alone does not roll back")
	})
	t.Run("after the pivot", func(t *testing.T) {
		t.Parallel()
		i := install(t, map[string]string{"ATTENTION_DEADLINE": "2s"})
		i.mail.Fail(mailtest.Fault{Status: http.StatusBadRequest})
		i.start()
		i.isGivenUp(i.create("Charité"))
	})
}
