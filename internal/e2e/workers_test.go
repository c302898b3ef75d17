package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// workforce is what the tools say of workers.
type workforce struct {
	Trouble, Says, Runbook string
	Working, Pending       int
}

// readiness is the answer of the api's /readyz.
type readiness struct{ Status, Note string }

// workers is what starter says of them in an answer to a program.
func (i *installation) workers(args ...string) workforce {
	i.t.Helper()
	p := i.answered(append(args, "--output", "json")...)
	p.wait()
	var answer struct{ Workers *workforce }
	require.NoError(i.t, json.Unmarshal([]byte(p.stdout.String()), &answer), p.stderr.String())
	require.NotNil(i.t, answer.Workers, "%v", args)
	return *answer.Workers
}

// passes lets time pass for the rows of workers that are not written any more,
// and for what waits.
func (i *installation) passes(d time.Duration) {
	i.t.Helper()
	i.execute(`UPDATE workers SET last_seen = last_seen - $1::interval`, d)
	i.execute(`UPDATE operations SET created_at = created_at - $1::interval, updated_at = updated_at - $1::interval`, d)
	i.execute(`UPDATE provisioning_logs SET started_at = started_at - $1::interval`, d)
}

// works waits until a worker has told that it takes work.
func (i *installation) works() {
	i.t.Helper()
	eventually(i.t, "a worker takes work", func() bool {
		return value[bool](i, `SELECT EXISTS (SELECT FROM workers WHERE waits_for = '' AND stopped_at IS NULL)`)
	})
}

// everyTool asks all that an engineer looks at, and returns what they say.
func (i *installation) everyTool(o operation) map[string]string {
	i.t.Helper()
	said := map[string]string{"/readyz": read[readiness](i, i.call(http.MethodGet, "/readyz", nil)).Note}
	for _, args := range [][]string{{"list"}, {"list", "--attention"}, {"incidents"}, {"status", o.ID}, {"status", o.TenantID}} {
		p := i.answered(args...)
		p.wait()
		said[strings.Join(args, " ")] = p.stderr.String()
	}
	return said
}

// TestNoWorkerWorks: the worker hangs, and operations wait. Every tool says so,
// people get one mail and the webhook one notice, what only a worker can do is
// refused at once; and when the worker is back, every tool is calm, and people and
// the webhook are told so.
func TestNoWorkerWorks(t *testing.T) {
	t.Parallel()
	hook := newWebhook(t)
	i := install(t, map[string]string{"NOTIFY_EMAIL": told["NOTIFY_EMAIL"], "NOTIFY_WEBHOOK": hook.url})
	_, worker := i.start()
	i.becomesActive(i.create("Charité"))
	i.works()
	require.Equal(t, workforce{Working: 1}, i.workers("list"))
	eventually(t, "the api has seen it", func() bool { return read[readiness](i, i.call(http.MethodGet, "/readyz", nil)).Note == "" })

	worker.Signal(syscall.SIGSTOP)
	var waiting []operation
	for _, name := range []string{"Necker", "St. Mary", "Bethanien"} {
		waiting = append(waiting, i.create(name))
	}
	i.passes(2 * time.Minute)
	mail := i.awaitNotices(1)
	require.Equal(t, "No worker takes work", mail.Subject)
	require.Contains(t, mail.Text, "no-worker.md")
	eventually(t, "the webhook is told", func() bool { return len(hook.told("no_worker")) == 1 })
	require.Contains(t, hook.told("no_worker")[0], "No worker is running")
	i.saysThatNoWorkerWorks(waiting[0])
	refused := i.starter("reconcile")
	require.Equal(t, 1, refused.wait())
	require.Contains(t, refused.stderr.String(), "no worker is there to do it")
	require.Contains(t, refused.stderr.String(), "docs/runbooks/no-worker.md")
	require.Equal(t, 1, value[int](i, `SELECT count(*) FROM audit_log WHERE action = 'reconcile' AND outcome = 'refused'`), "it waits for nobody")

	worker.Signal(syscall.SIGCONT)
	for _, o := range waiting {
		i.becomesActive(o)
	}
	require.Equal(t, "Over: no worker took work", i.awaitNotices(2).Subject)
	eventually(t, "the webhook is told that it is over", func() bool { return len(hook.told("no_worker_over")) == 1 })
	require.Len(t, hook.told("no_worker"), 1, "each once")
	require.Empty(t, hook.told("attention"))
	for tool, says := range i.everyTool(waiting[0]) {
		require.Empty(t, says, tool)
	}
	i.reconciles()
}

// saysThatNoWorkerWorks checks all that an engineer or a program looks at, while
// o and two others wait.
func (i *installation) saysThatNoWorkerWorks(o operation) {
	i.t.Helper()
	eventually(i.t, "every tool says so", func() bool {
		for tool, says := range i.everyTool(o) {
			if !strings.Contains(says, "No worker is running") || !strings.Contains(says, "3 operations wait") || !strings.Contains(says, "no-worker.md") {
				i.t.Logf("%s says %q", tool, says)
				return false
			}
		}
		return true
	})
	for _, args := range [][]string{{"list"}, {"list", "--attention"}, {"incidents"}, {"status", o.ID}} {
		w := i.workers(args...)
		require.Equal(i.t, "gone", w.Trouble, args)
		require.Equal(i.t, 3, w.Pending)
	}
	require.Equal(i.t, http.StatusOK, i.call(http.MethodGet, "/readyz", nil).status, "requests are taken without a worker")
	metrics := string(i.call(http.MethodGet, "/metrics", nil).body)
	require.Contains(i.t, metrics, `provisioning_workers{state="working"} 0`)
	require.Contains(i.t, metrics, `provisioning_worker_trouble{trouble="gone"} 1`)
}

// TestReconcileWaitsForNobody: the worker has hung a moment ago, which nobody can
// know yet; what was asked for is done when it is back.
func TestReconcileWaitsForNobody(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	worker := i.startWorker()
	i.works()
	i.reconciles()
	worker.Signal(syscall.SIGSTOP)
	p := i.starter("reconcile")
	require.Equal(t, 1, p.wait(), p.stderr.String())
	require.Contains(t, p.stderr.String(), "no worker is there to do it: no worker has been heard of for")
	require.Contains(t, p.stderr.String(), "docs/runbooks/no-worker.md")
	worker.Signal(syscall.SIGCONT)
	// What it had asked Temporal before has timed out meanwhile, which it tells at first.
	eventually(t, "the worker does what it is asked", func() bool { return i.starter("reconcile").wait() != 1 })
	i.reconciles()
}

// TestWorkersThatComeAndGo: a first installation, one worker of two that is
// killed, and all of them stopped in order.
func TestWorkersThatComeAndGo(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.startAPI()
	o := i.create("Charité")
	require.Equal(t, "never-seen", i.workers("status", o.ID).Trouble)
	eventually(t, "/readyz says so", func() bool {
		return strings.Contains(read[readiness](i, i.call(http.MethodGet, "/readyz", nil)).Note, "none has ever been seen")
	})

	first := i.startWorker()
	i.becomesActive(o)
	i.works()
	second := i.startWorker()
	eventually(t, "both take work", func() bool { return i.workers("list").Working == 2 })
	second.kill()
	i.execute(`UPDATE workers SET last_seen = last_seen - interval '1 hour' WHERE id = (SELECT id FROM workers ORDER BY started_at DESC LIMIT 1)`)
	require.Equal(t, workforce{Working: 1}, i.workers("list"), "one of them does")

	first.Signal(syscall.SIGTERM)
	require.Zero(t, first.wait())
	require.Empty(t, i.workers("list").Trouble, "as long as a restart takes")
	i.passes(2 * time.Minute)
	stopped := i.workers("list")
	require.Equal(t, "gone", stopped.Trouble)
	require.NotContains(t, stopped.Says, "hangs")
	require.Zero(t, value[int](i, `SELECT count(*) FROM worker_outages`), "nothing waits, and they ended in order: nobody is woken")
}

// TestWorkersOfOtherSettings do not do the work of this installation.
func TestWorkersOfOtherSettings(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.startAPI()
	i.with(map[string]string{"TEMPORAL_TASK_QUEUE": "another"}).startWorker()
	eventually(t, "it is known as what it is", func() bool { return i.workers("list").Trouble == "elsewhere" })
	require.Contains(t, i.workers("list").Says, "TEMPORAL_TASK_QUEUE another")
}

// TestAWorkerThatDoesNotReachTheDatabase counts as gone: it cannot do anything.
func TestAWorkerThatDoesNotReachTheDatabase(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.startAPI()
	behind := i.with(nil)
	gate := behind.throughGate("DB_HOST", "DB_PORT")
	behind.startWorker()
	i.becomesActive(i.create("Charité"))
	i.works()
	gate.cut()
	i.create("Necker")
	i.passes(2 * time.Minute)
	eventually(t, "it is not seen any more", func() bool {
		w := i.workers("list")
		return w.Trouble == "gone" && strings.Contains(w.Says, "does not reach the database")
	})
	gate.open()
	eventually(t, "it is seen again", func() bool { return i.workers("list").Working == 1 })
}
