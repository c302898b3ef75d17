package e2e

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"tenant-provisioning/internal/mail/mailtest"
)

// typed are the commands of temporal for one purpose, in the table for people
// who know tctl.
type typed []string

var (
	tableRow = regexp.MustCompile(`(?m)^\| ([^|]+) \| [^|]+ \| ([^|]+) \|$`)
	inTicks  = regexp.MustCompile("`([^`]+)`")
	leftOpen = regexp.MustCompile(`\b(ID|WHO|WHY|Q)\b`)
)

// table is the rows by their purposes.
func table(t testing.TB) map[string]typed {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(runbooks, "README.md"))
	require.NoError(t, err)
	purposes := map[string]typed{}
	for _, m := range tableRow.FindAllStringSubmatch(string(text), -1) {
		for _, command := range inTicks.FindAllStringSubmatch(m[2], -1) { // the head has none
			purposes[m[1]] = append(purposes[m[1]], "temporal "+command[1])
		}
	}
	return purposes
}

// asking is what is typed to ask for another action than the one it names.
func (c typed) asking(action string) typed {
	other := make(typed, len(c))
	for n, command := range c {
		other[n] = strings.Replace(command, "--name retry", "--name "+action, 1)
	}
	return other
}

// does types commands for an operation, with what the page leaves open filled
// in, and returns what they say.
func (i *installation) does(c typed, o operation) string {
	i.t.Helper()
	stands := map[string]string{"ID": workflowID(o), "WHO": "oncall", "WHY": "a test", "Q": "OperationState = 'NEEDS_ATTENTION'"}
	var said strings.Builder
	for _, command := range c {
		said.WriteString(i.types(leftOpen.ReplaceAllStringFunc(command, func(word string) string { return stands[word] })))
	}
	return said.String()
}

// saysAll waits until commands say something, which a list does as soon as it
// has heard of it.
func (i *installation) saysAll(c typed, o operation, parts ...string) {
	i.t.Helper()
	eventually(i.t, strings.Join(c, " and "), func() bool {
		said := i.does(c, o)
		return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(said, part) })
	})
}

// looks are the rows that change nothing, and parts of what they say of a run
// that is parked at the contract.
var looks = map[string][]string{
	"see its state":           {"NEEDS_ATTENTION", "SOROBAN_RPC_URL", "allowedActions"},
	"find what is parked":     {"tenant-provision/"},
	"the run and its history": {"OperationState", "WorkflowExecutionStarted"},
}

// TestTableFromTctl runs every temporal command of the table as it is written,
// and looks at what it does.
func TestTableFromTctl(t *testing.T) {
	t.Parallel()
	trials := map[string]func(*testing.T, typed){
		"by step, by class":        findsByClass,
		"retry, skip, rollback":    func(t *testing.T, c typed) { actsBy(t, c, tool{name: "a signal"}) },
		"the same, with an answer": func(t *testing.T, c typed) { actsBy(t, c, tool{name: "an update"}) },
		"the same for many":        retriesMany,
		"cancel":                   cancels,
		"do an open run again":     resets,
	}
	purposes := table(t)
	require.ElementsMatch(t, slices.AppendSeq(slices.Collect(maps.Keys(trials)), maps.Keys(looks)), slices.Collect(maps.Keys(purposes)), "each row is tried")
	for purpose, try := range trials {
		t.Run(purpose, func(t *testing.T) {
			t.Parallel()
			try(t, purposes[purpose])
		})
	}
	t.Run("look", func(t *testing.T) {
		t.Parallel()
		i := install(t, impatient)
		o := i.parksBeforeThePivot()
		for purpose, parts := range looks {
			i.saysAll(purposes[purpose], o, append(parts, o.TenantID)...)
		}
		require.Equal(t, o, i.operation(o.ID))
	})
}

func findsByClass(t *testing.T, c typed) {
	i := install(t, impatient)
	i.mail.Fail(mailtest.Fault{Status: http.StatusUnauthorized})
	i.start()
	o := i.reaches(i.create("Charité").ID, "NEEDS_ATTENTION")
	i.saysAll(c, o, o.TenantID)
}

// actsBy has each action done to a run that is parked where it is allowed.
func actsBy(t *testing.T, c typed, by tool) {
	t.Run("retry", func(t *testing.T) {
		t.Parallel()
		i := install(t, nil)
		o := i.parksAfterThePivot()
		i.mail.Recover()
		i.does(c, o)
		i.becomesActive(o)
		i.requireAudited(o, "retry", by)
	})
	t.Run("skip", func(t *testing.T) {
		t.Parallel()
		i := install(t, nil)
		o := i.parksAfterThePivot()
		i.does(c.asking("skip"), o)
		i.isGivenUp(o)
		i.requireAudited(o, "skip", by)
	})
	t.Run("rollback", func(t *testing.T) {
		t.Parallel()
		i := install(t, impatient)
		o := i.parksBeforeThePivot()
		i.does(c.asking("rollback"), o)
		i.isRolledBack(o, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED)
		i.requireAudited(o, "rollback", by)
	})
}

func retriesMany(t *testing.T, c typed) {
	i := install(t, nil)
	operations := []operation{i.parksAfterThePivot()}
	for _, name := range []string{"Universitätsspital", "Hôpital"} {
		operations = append(operations, i.reaches(i.create(name).ID, "NEEDS_ATTENTION"))
	}
	found := table(t)["find what is parked"]
	for _, o := range operations {
		i.saysAll(found, o, o.TenantID)
	}
	i.mail.Recover()
	i.does(c, operations[0])
	for _, o := range operations {
		i.becomesActive(o)
		i.requireAudited(o, "retry", tool{name: "a signal"})
	}
}

// tctl types what tctl would do by temporal: its own program cannot be had as a
// module any more.
const tctl = `tctl() {
	[ "$1" = --ns ] && [ "$3" = workflow ] || return 2
	ns=$2; shift 3
	case "$1 $2 ${4-} ${6-}" in
	"listall -q  ") temporal workflow list --namespace "$ns" --query "$3" ;;
	"signal -w -n -i") temporal workflow signal --namespace "$ns" --workflow-id "$3" --name "$5" --input "$7" ;;
	*) return 2 ;;
	esac
}
`

// TestLoopOfTctl: it acts on every run that is parked, and on no other.
func TestLoopOfTctl(t *testing.T) {
	t.Parallel()
	var loop string
	for _, b := range blocks(t, "README.md") {
		if b.kind == "tctl" {
			loop = b.script
		}
	}
	require.NotEmpty(t, loop)
	i := install(t, nil)
	operations := []operation{i.parksAfterThePivot(), i.reaches(i.create("Universitätsspital").ID, "NEEDS_ATTENTION")}
	found := table(t)["find what is parked"]
	for _, o := range operations {
		i.saysAll(found, o, o.TenantID)
	}
	i.mail.Recover()
	i.types(tctl + strings.NewReplacer("WHO", "oncall", "WHY", "a test").Replace(loop))
	for _, o := range operations {
		i.becomesActive(o)
		i.requireAudited(o, "retry", tool{name: "a signal"})
		eventually(t, "nobody looks for a run that has ended", func() bool { return !strings.Contains(i.does(found, o), o.TenantID) })
	}
}

func cancels(t *testing.T, c typed) {
	i := install(t, impatient)
	o := i.parksBeforeThePivot()
	i.does(c, o)
	i.isRolledBack(o, enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED)
}

// resets does a run again to which something was signalled, which is not
// signalled to it again.
func resets(t *testing.T, c typed) {
	i := install(t, impatient)
	o := i.parksBeforeThePivot()
	require.NoError(t, i.signal(o, "skip"))
	refused := func() int {
		return value[int](i, `SELECT count(*) FROM audit_log WHERE operation_id = $1 AND action = 'skip' AND outcome = 'refused'`, o.ID)
	}
	eventually(t, "the signal is refused", func() bool { return refused() == 1 })
	require.Positive(t, i.signals(o))
	i.rpc.heal()
	i.does(c, o)
	i.becomesActive(o)
	require.Zero(t, i.signals(o), "what the run that was reset was told")
	require.Equal(t, 1, refused())
}

// signals is how many an operation's present run has got.
func (i *installation) signals(o operation) int {
	i.t.Helper()
	n := 0
	history := i.temporal().GetWorkflowHistory(i.t.Context(), workflowID(o), "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		event, err := history.Next()
		require.NoError(i.t, err)
		if event.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED {
			n++
		}
	}
	return n
}
