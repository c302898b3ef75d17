package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	sdkpb "go.temporal.io/api/sdk/v1"
)

// TestCurrentDetailsArePasted runs every temporal command that Temporal Web UI
// shows beside a parked run, as it is shown: first the one that does not help,
// then the one that ends it.
func TestCurrentDetailsArePasted(t *testing.T) {
	t.Parallel()
	t.Run("before the pivot", func(t *testing.T) {
		t.Parallel()
		i := install(t, impatient)
		o := i.parksBeforeThePivot()
		i.pastes(o, "retry", "rollback")
		i.isRolledBack(o, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED)
	})
	t.Run("after the pivot", func(t *testing.T) {
		t.Parallel()
		i := install(t, nil)
		o := i.parksAfterThePivot()
		i.pastes(o, "retry", "skip")
		i.isGivenUp(o)
	})
	t.Run("while a rollback is blocked", func(t *testing.T) {
		t.Parallel()
		i := install(t, impatient)
		o, mend := i.blocksRollback()
		i.pastes(o, "retry", "skip")
		i.isLeftBehind(o, mend)
	})
}

// pastes runs the commands of a parked run for two actions, of which the first
// only parks it again.
func (i *installation) pastes(o operation, inVain, last string) {
	i.t.Helper()
	commands := i.shown(o)
	require.Len(i.t, commands, 2, "one for each action that is allowed")
	for n, action := range []string{inVain, last} {
		attempts := i.failedAttempts(o)
		require.Contains(i.t, commands[n], "--name "+action+" ")
		i.types(commands[n])
		eventually(i.t, action+" is accepted", func() bool {
			return value[bool](i, `SELECT EXISTS (SELECT FROM audit_log WHERE operation_id = $1 AND action = $2 AND outcome = 'accepted' AND actor = 'WHO' AND reason = 'WHY')`, o.ID, action)
		})
		if action == inVain {
			eventually(i.t, "it is tried again, in vain", func() bool { return i.failedAttempts(o) > attempts })
			i.reaches(o.ID, o.State)
		}
	}
}

// failedAttempts is how many have failed, or are about to.
func (i *installation) failedAttempts(o operation) int {
	i.t.Helper()
	return value[int](i, `SELECT count(*) FROM provisioning_logs WHERE operation_id = $1 AND status IN ('FAILED', 'IN_PROGRESS')`, o.ID)
}

// shown are the temporal commands of a run's current details, as soon as these are
// of the operation's state: a run hears last that it was written.
func (i *installation) shown(o operation) []string {
	i.t.Helper()
	var code string
	c := i.temporal()
	eventually(i.t, "the details have commands", func() (found bool) {
		var metadata sdkpb.WorkflowMetadata
		require.NoError(i.t, i.asksTemporal(func() error {
			answer, err := c.QueryWorkflow(i.t.Context(), workflowID(o), "", "__temporal_workflow_metadata")
			if err != nil {
				return err
			}
			return answer.Get(&metadata)
		}))
		_, code, found = strings.Cut(metadata.GetCurrentDetails(), "```\n")
		return found && strings.HasPrefix(metadata.GetCurrentDetails(), "**"+string(o.State)+"**")
	})
	code, _, _ = strings.Cut(code, "```")
	var commands []string
	for command := range strings.SplitSeq(code, "\n\n") {
		if strings.HasPrefix(command, "temporal ") {
			commands = append(commands, command)
		}
	}
	return commands
}
