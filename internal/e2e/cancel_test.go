package e2e

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"tenant-provisioning/client"
	"tenant-provisioning/internal/mail/mailtest"
)

// cancelWays are the ways to cancel. What comes by Temporal says neither who nor
// why.
var cancelWays = []tool{
	{"Temporal", func(i *installation, o operation, _ string) {
		require.NoError(i.t, i.asksTemporal(func() error { return i.temporal().CancelWorkflow(i.t.Context(), workflowID(o), "") }))
	}},
	tools[0], // the API
	tools[1], // starter
}

func (i *installation) cancelledBy(o operation, by tool) {
	i.t.Helper()
	by.act(i, o, "cancel")
	if by.name != "Temporal" {
		i.requireAudited(o, "cancel", by)
	}
}

// TestCancel ends an operation the short way: before the pivot by a rollback,
// after it without the mail.
func TestCancel(t *testing.T) {
	t.Parallel()
	for _, by := range cancelWays {
		t.Run("parked before the pivot by "+by.name, func(t *testing.T) {
			t.Parallel()
			i := install(t, impatient)
			o := i.parksBeforeThePivot()
			i.cancelledBy(o, by)
			o, _ = i.isRolledBack(o, enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED)
			require.Equal(t, client.FailureClassCancelled, o.FailureClass)
			i.refuses(o, "cancel")
		})
		t.Run("parked after the pivot by "+by.name, func(t *testing.T) {
			t.Parallel()
			i := install(t, nil)
			o := i.parksAfterThePivot()
			i.cancelledBy(o, by)
			i.isGivenUp(o)
		})
	}
	t.Run("while the contract is deployed", func(t *testing.T) {
		t.Parallel()
		i := install(t, nil)
		i.start()
		held := i.rpc.hold(t, sendTransaction, afterSending)
		o := i.create("Charité")
		held.await()
		i.cancelledBy(o, cancelWays[0])
		held.release()
		i.isRolledBack(o, enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED)
	})
	// No other action is allowed there.
	t.Run("while the mail is tried", func(t *testing.T) {
		t.Parallel()
		i := install(t, nil)
		i.mail.Fail(mailtest.Fault{Status: http.StatusServiceUnavailable})
		i.start()
		o := i.create("Charité")
		eventually(t, "the tenant is active", func() bool { return i.tenant(o.TenantID).Status == "ACTIVE" })
		require.Empty(t, i.operation(o.ID).AllowedActions)
		i.cancelledBy(o, cancelWays[1])
		i.isGivenUp(o)
	})
	t.Run("before it was begun", func(t *testing.T) {
		t.Parallel()
		i := install(t, nil)
		i.startAPI()
		o := i.create("Charité")
		i.cancelledBy(o, cancelWays[1])
		require.Equal(t, client.StateRolledBack, i.operation(o.ID).State)
		i.startWorker()
		i.becomesActive(i.create("Charité"))
	})
}

// TestACancelIsRepeated with its id: one that Temporal did not take is sent, one
// that it took changes nothing.
func TestACancelIsRepeated(t *testing.T) {
	t.Parallel()
	i := install(t, impatient)
	temporal := i.throughTemporalGate()
	o := i.parksBeforeThePivot()
	temporal.cut()
	body := map[string]string{"reason": "a test", "requestId": uuid.NewString()}
	r := i.call(http.MethodPost, "/v1/operations/"+o.ID+"/cancel", body)
	require.Equal(t, http.StatusServiceUnavailable, r.status, "%s", r.body)
	require.Equal(t, o, i.operation(o.ID))
	temporal.open()
	i.askedAgain(o.ID, "cancel", body)
	o, _ = i.isRolledBack(o, enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED)
	require.Equal(t, http.StatusAccepted, i.insist(http.MethodPost, "/v1/operations/"+o.ID+"/cancel", body).status)
	i.requireAudited(o, "cancel", tools[0])
}
