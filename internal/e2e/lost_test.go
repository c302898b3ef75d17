package e2e

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
)

// TestActionIsNotLostWithTemporal kills Temporal while a run acts on what a
// person has asked for. An update is not in the history until the task that
// took it is: what the task has written by then must not say that it was done.
func TestActionIsNotLostWithTemporal(t *testing.T) {
	t.Parallel()
	for name, park := range map[string]func(*installation) operation{
		"before the pivot": func(i *installation) operation {
			o := i.parksBeforeThePivot()
			i.rpc.heal()
			return o
		},
		"after the pivot": func(i *installation) operation {
			o := i.parksAfterThePivot()
			i.mail.Recover()
			return o
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startTemporal(t)
			i := install(t, map[string]string{"TEMPORAL_ADDRESS": server.address, "STEP_RETRY_BUDGET": impatient["STEP_RETRY_BUDGET"]})
			o := park(i)
			held := i.holdRow("operations", "NEW.state = 'RUNNING'")
			asked := map[string]string{"reason": "a test", "requestId": uuid.NewString()}
			answer := i.ask(http.MethodPost, "/v1/operations/"+o.ID+"/retry", asked)
			held.await()
			server.kill()
			<-answer // whatever it is
			server.start()
			held.release()
			i.askedAgain(o.ID, "retry", asked)
			i.becomesActive(o)
		})
	}
}
