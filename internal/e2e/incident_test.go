package e2e

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/client"
	"tenant-provisioning/internal/mail/mailtest"
)

// many is more than make an incident.
const many = 15

// shared are the things that all tenants need, each with how it goes away.
var shared = map[string]struct {
	dependency client.Dependency
	// budget is how long a step may fail, far below what the outage lasts and far
	// above the time in which all come to the step: the mails are not due at the
	// same moment.
	budget string
	of     func(*installation) outage
}{
	"ledger": {"ledger", "30s", outages["Stellar RPC answers 503"]},
	"mail":   {"mail", "45s", outages["mail refuses connections"]},
}

// waiting are the states of what waits for an incident: in its step or, where a
// slow dispatcher had not come to it before, at the dispatcher.
var waiting = []client.State{client.StateRunning, client.StatePending}

// TestWhatEverybodyNeedsIsAway is one incident: nothing parks although the
// budgets are long used up, what is new waits, and all goes on when it is back.
func TestWhatEverybodyNeedsIsAway(t *testing.T) {
	t.Parallel()
	for name, c := range shared {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := install(t, map[string]string{"STEP_RETRY_BUDGET": c.budget})
			direct := i.with(nil)
			o := c.of(i)
			o.away()
			_, worker := i.start()
			alone := i.reaches(i.create("Alone").ID, "NEEDS_ATTENTION")
			require.Zero(t, value[int](i, `SELECT count(*) FROM incidents`), "one is no incident")
			worker.kill() // so that they all begin at once
			operations := i.createMany()
			i.startWorker()
			eventually(t, "an incident is opened", func() bool {
				return value[int](i, `SELECT count(*) FROM incidents WHERE closed_at IS NULL AND dependency = $1`, c.dependency) == 1
			})
			late := i.create("Late")
			tried := i.attempts(alone)
			i.actUntilAccepted(alone.ID, "retry")
			i.reaches(alone.ID, "RUNNING")
			eventually(t, "it lasts", func() bool {
				return value[bool](i, `SELECT count(*) = 1 FROM incidents WHERE last_probe_at > opened_at + 1.5 * $1::interval`, c.budget)
			})
			require.Equal(t, client.StatePending, i.operation(late.ID).State)
			require.Equal(t, tried, i.attempts(alone), "what comes to the step waits before it")
			operations = append(operations, alone)
			for _, op := range operations {
				now := i.operation(op.ID)
				require.Contains(t, waiting, now.State, "%+v", now)
			}
			require.Regexp(t, `(?s)state +open\s.*runbook +docs/runbooks/[a-z]+-down\.md`, i.output("incidents"))
			for _, op := range []operation{late, alone} {
				now := i.operation(op.ID)
				require.NotNil(t, now.WaitingFor, "%+v", now)
				require.Equal(t, c.dependency, now.WaitingFor.Dependency)
				require.Contains(t, now.WaitingFor.Message, "nobody need act")
				require.Contains(t, i.output("status", op.ID), "It "+now.WaitingFor.Message)
			}

			o.back()
			for _, op := range append(operations, late) {
				direct.becomesActive(op)
			}
			require.Equal(t, 1, value[int](i, `SELECT count(*) FROM incidents`))
			require.Equal(t, 1, value[int](i, `SELECT count(*) FROM incidents WHERE closed_at IS NOT NULL AND affected >= 10 AND reopened = 0`))
			direct.requireNoMore()
		})
	}
}

// createMany asks for more tenants than make an incident.
func (i *installation) createMany() (operations []operation) {
	i.t.Helper()
	for n := range many {
		operations = append(operations, i.create("Hospital "+strconv.Itoa(n)))
	}
	return operations
}

// attempts counts what was tried at the steps of an operation.
func (i *installation) attempts(o operation) int {
	i.t.Helper()
	return value[int](i, `SELECT count(*) FROM provisioning_logs WHERE operation_id = $1`, o.ID)
}

// TestAFewAreNoIncident: nine that fail alike park one by one, and hold up nobody
// else. A person has them tried again, all at once.
func TestAFewAreNoIncident(t *testing.T) {
	t.Parallel()
	i := install(t, impatient)
	i.rpc.refuse()
	i.start()
	var operations []operation
	for n := range 9 {
		operations = append(operations, i.create("Hospital "+strconv.Itoa(n)))
	}
	for _, o := range operations {
		i.reaches(o.ID, "NEEDS_ATTENTION")
	}
	require.Zero(t, value[int](i, `SELECT count(*) FROM incidents`))
	require.Contains(t, i.output("incidents"), "no incidents")
	i.rpc.heal()
	i.becomesActive(i.create("Another"))
	eventually(t, "none is left that was not accepted", func() bool {
		return i.answered("retry", "--state", "NEEDS_ATTENTION", "--class", "exhausted", "--reason", "a test", "--yes").wait() == 0
	})
	for _, o := range operations {
		i.becomesActive(o)
	}
	i.requireNoMore()
}

// TestAnIncidentThatComesBackIsWaitedFor: each probe succeeds and each mail
// fails, for MAIL_FROM is no verified sender. It is one incident, for a while.
func TestAnIncidentThatComesBackIsWaitedFor(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.mail.Fail(mailtest.Fault{Status: http.StatusForbidden})
	i.startAPI()
	operations := i.createMany()
	i.startWorker()
	eventually(t, "it came back", func() bool { return value[int](i, `SELECT coalesce(sum(reopened), 0) FROM incidents`) > 0 })
	require.Equal(t, 1, value[int](i, `SELECT count(*) FROM incidents`))
	for _, o := range operations {
		require.Contains(t, waiting, i.operation(o.ID).State)
	}
	i.mail.Recover()
	for _, o := range operations {
		i.becomesActive(o)
	}
}

// TestAnIncidentThatIsNoneComesToPeople: the same has come back five times, as
// often as it is waited for. Nobody waits for it any more: the budgets run, and
// each operation asks for attention.
func TestAnIncidentThatIsNoneComesToPeople(t *testing.T) {
	t.Parallel()
	i := install(t, map[string]string{"STEP_RETRY_BUDGET": "10s"})
	i.mail.Fail(mailtest.Fault{Status: http.StatusForbidden})
	i.execute(`INSERT INTO incidents (dependency, cause, affected, reopened, closed_at) VALUES ('mail', 'forbids this', 12, 5, now())`)
	i.startAPI()
	operations := i.createMany()
	i.startWorker()
	for _, o := range operations {
		o = i.reaches(o.ID, "NEEDS_ATTENTION")
		require.Equal(t, client.StepNameSendWelcomeEmail, o.FailedStep)
		require.Equal(t, client.FailureClassAuth, o.FailureClass)
	}
	require.Equal(t, 1, value[int](i, `SELECT count(*) FROM incidents WHERE reopened > 5`))
	i.mail.Recover()
	i.execute(`UPDATE incidents SET closed_at = coalesce(closed_at, now())`) // which its next probes do
	for _, o := range operations {
		i.actUntilAccepted(o.ID, "retry")
	}
	for _, o := range operations {
		i.becomesActive(o)
	}
}

// TestTheMailProviderIsNotBlamedForTheDatabase, which refuses to note the mails.
func TestTheMailProviderIsNotBlamedForTheDatabase(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.execute(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'busy' USING ERRCODE = '55P03'; END $$`)
	i.execute(`CREATE TRIGGER refuse BEFORE INSERT ON emails FOR EACH ROW EXECUTE FUNCTION refuse()`)
	i.startAPI()
	operations := i.createMany()
	i.startWorker()
	eventually(t, "all have failed at the mail", func() bool {
		return value[int](i, `SELECT count(DISTINCT operation_id) FROM provisioning_logs
			WHERE step = 'SEND_WELCOME_EMAIL' AND status = 'FAILED' AND error LIKE '%SQLSTATE 55P03%'`) == many
	})
	i.execute(`DROP TRIGGER refuse ON emails`)
	for _, o := range operations {
		i.becomesActive(o)
	}
	require.Zero(t, value[int](i, `SELECT count(*) FROM incidents`))
}
