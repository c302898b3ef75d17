package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/internal/tenant"
)

// awaitIntent waits until an action is accepted; false when most has passed
// instead. Its timer says in Temporal Web UI what is waited for and what to
// press. Temporal takes no summary that has more than 400 bytes when it is
// encrypted.
func (r *run) awaitIntent(ctx workflow.Context, most time.Duration, why, otherwise string) (bool, error) {
	return workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
		Timeout: most,
		TimerOptions: workflow.TimerOptions{Summary: fmt.Sprintf("%s: press %s (starter status %s); at the end of the timer %s",
			why, oneOf(tenant.AllowedActions(r.state, r.pivotPassed)), r.in.Operation, otherwise)},
	}, func() bool { return r.intent != nil })
}

// oneOf lists actions for people.
func oneOf(actions []tenant.Action) string {
	names := make([]string, len(actions))
	for i, a := range actions {
		names[i] = string(a)
	}
	return strings.Join(names, " or ")
}
