package e2e

import (
	"net/http"
	"testing"

	"tenant-provisioning/internal/mail/mailtest"
)

// moment is a point in a provisioning at which the worker is killed.
type moment struct {
	name string
	// stop makes a run stop at the moment.
	stop func(*installation) hold
	// commit says when what is held has happened, for moments after a step: the
	// hold, which must be for good, is released while the worker cannot tell
	// Temporal.
	commit string
}

// moments are before, in and after each step. A hold that is released after the
// kill lets what was sent already arrive late.
var moments = []moment{
	{name: "claiming", stop: row("operations", "NEW.state = 'RUNNING'")},
	{
		name: "claimed", stop: rowForGood("operations", "NEW.state = 'RUNNING'"),
		commit: `SELECT state = 'RUNNING' FROM operations WHERE id = $1`,
	},
	{name: "before the schema", stop: row("tenant_schema_versions", "true")},
	{name: "in the schema", stop: row("provisioning_logs", "NEW.step = 'SEED_ROLES_AND_USER'")},
	{
		name: "after the schema", stop: rowForGood("provisioning_logs", "NEW.step = 'SEED_ROLES_AND_USER'"),
		commit: `SELECT EXISTS (SELECT FROM provisioning_logs WHERE operation_id = $1 AND step = 'SEED_ROLES_AND_USER')`,
	},
	{name: "before the contract", stop: row("provisioning_logs", "NEW.step = 'DEPLOY_SOROBAN_CONTRACT' AND NEW.status = 'IN_PROGRESS'")},
	{name: "before the contract's transaction", stop: rpc("simulateTransaction", beforeSending)},
	{name: "in the contract, nothing was sent", stop: rpc(sendTransaction, beforeSending)},
	{name: "in the contract, the answer is lost", stop: rpc(sendTransaction, afterSending)},
	{name: "in the contract, it is not stored", stop: row("tenants", "NEW.contract_id IS NOT NULL AND NEW.status = 'PROVISIONING'")},
	{
		name: "after the contract", stop: rowForGood("tenants", "NEW.contract_id IS NOT NULL AND NEW.status = 'PROVISIONING'"),
		commit: `SELECT t.contract_id IS NOT NULL FROM tenants t JOIN operations o ON o.tenant_id = t.id WHERE o.id = $1`,
	},
	{name: "in the activation", stop: row("tenants", "NEW.status = 'ACTIVE'")},
	{name: "after the activation", stop: rowForGood("tenants", "NEW.status = 'ACTIVE'"), commit: `SELECT pivot_passed FROM operations WHERE id = $1`},
	{name: "before the mail", stop: row("emails", "NEW.state = 'SENDING'")},
	{name: "in the mail, the answer is lost", stop: mailTaken},
	{name: "in the mail, it is not noted", stop: row("emails", "NEW.state = 'SENT'")},
	{name: "after the mail", stop: rowForGood("emails", "NEW.state = 'SENT'"), commit: `SELECT state = 'SUCCEEDED' FROM operations WHERE id = $1`},
}

func row(table, condition string) func(*installation) hold {
	return func(i *installation) hold { return i.holdRow(table, condition) }
}

func rowForGood(table, condition string) func(*installation) hold {
	return func(i *installation) hold { return i.holdRowForGood(table, condition) }
}

func rpc(method string, before bool) func(*installation) hold {
	return func(i *installation) hold { return i.rpc.hold(i.t, method, before) }
}

// mailHeld has a mail wait before the provider's door.
func mailHeld(i *installation) hold {
	letIn := i.mail.Hold()
	i.t.Cleanup(letIn)
	return hold{
		t: i.t, what: "sending a mail", held: i.mail.Waiting,
		release: func() { // or the server would take it before it has noticed that the sender is gone
			eventually(i.t, "the sender is gone", func() bool { return i.mail.Waiting() == 0 })
			letIn()
		},
	}
}

// TestWorkerIsKilled kills the worker at each moment, and lets another one go
// on.
func TestWorkerIsKilled(t *testing.T) {
	t.Parallel()
	for _, m := range moments {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			m.kill(t)
		})
	}
}

// TestWorkerIsKilledBeforeTheMailWasTaken is the moment that lasts longest: the
// provider is asked for the mail until it must know it if it had it. It is a test
// of its own so that it begins with the first ones.
func TestWorkerIsKilledBeforeTheMailWasTaken(t *testing.T) {
	t.Parallel()
	moment{name: "in the mail, nothing was taken", stop: mailHeld}.kill(t)
}

func (m moment) kill(t *testing.T) {
	t.Helper()
	i := install(t, nil)
	direct := i.with(nil)
	temporal := i.throughTemporalGate()
	i.startAPI()
	o := i.create("Charité")
	held := m.stop(i)
	worker := i.startWorker()
	held.await()
	if m.commit == "" {
		worker.kill()
		held.release()
	} else {
		temporal.freeze()
		held.release()
		eventually(t, m.name, func() bool { return value[bool](i, m.commit, o.ID) })
		worker.kill()
		temporal.cut() // nothing of the killed worker's arrives late
	}
	direct.startWorker()
	direct.becomesActive(o)
	direct.requireNoMore()
}

// TestWorkerIsKilledWhenItHasParked: everybody reads that the operation waits for
// a person, and the worker that wrote it cannot tell Temporal any more. What is
// accepted then is done.
func TestWorkerIsKilledWhenItHasParked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fail, heal func(*installation)
		action     string
		ends       func(*installation, operation)
	}{
		"by a step that failed for good at once": {
			fail:   func(i *installation) { i.mail.Fail(mailtest.Fault{Status: http.StatusBadRequest}) },
			heal:   func(*installation) {},
			action: "skip",
			ends:   (*installation).isGivenUp,
		},
		"by a step that used up its budget": {
			fail:   func(i *installation) { i.rpc.refuse() },
			heal:   func(i *installation) { i.rpc.heal() },
			action: "retry",
			ends:   func(i *installation, o operation) { i.becomesActive(o); i.requireNoMore() },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := install(t, impatient)
			direct := i.with(nil)
			temporal := i.throughTemporalGate()
			direct.startAPI()
			c.fail(i)
			held := i.holdRow("operations", "NEW.state = 'NEEDS_ATTENTION'")
			o := direct.create("Charité")
			worker := i.startWorker()
			held.await()
			temporal.freeze()
			held.release()
			direct.reaches(o.ID, "NEEDS_ATTENTION")
			worker.kill()
			temporal.cut() // nothing of the killed worker's arrives late
			c.heal(i)
			direct.actUntilAccepted(o.ID, c.action)
			direct.startWorker()
			c.ends(direct, o)
		})
	}
}
