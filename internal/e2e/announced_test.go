package e2e

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/client"
	"tenant-provisioning/internal/mail/mailtest"
)

// watchChanges has the database look, at each commit, whether what the transaction
// changed has an event, and note what has none. The columns that are named are in
// no answer of the API; every other one is taken for shown, also one that comes
// later. What the test itself writes is not watched.
const watchChanges = `
	CREATE TABLE unannounced (change text NOT NULL);
	CREATE FUNCTION require_event() RETURNS trigger LANGUAGE plpgsql AS $$
	DECLARE
		now jsonb := to_jsonb(NEW);
		was jsonb := CASE TG_OP WHEN 'UPDATE' THEN to_jsonb(OLD) ELSE '{}' END;
		changed text := (SELECT string_agg(key, ', ' ORDER BY key) FROM jsonb_each(now) WHERE value IS DISTINCT FROM was->key AND key <> ALL (TG_ARGV));
	BEGIN
		IF changed IS NOT NULL AND NOT EXISTS (
			SELECT FROM events e WHERE e.transaction = pg_current_xact_id()
				AND e.tenant_id = coalesce(now->>'tenant_id', now->>'id')::uuid
				AND (TG_TABLE_NAME = 'tenants' OR e.operation_id = coalesce(now->>'operation_id', now->>'id')::uuid))
		THEN
			INSERT INTO unannounced VALUES (concat(TG_OP, ' of ', TG_TABLE_NAME, ', ', now->>'kind', now->>'step', ' ', coalesce(now->>'state', now->>'status'), ': ', changed));
		END IF;
		RETURN NULL;
	END $$;
	CREATE CONSTRAINT TRIGGER require_event AFTER INSERT OR UPDATE ON tenants DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW WHEN (current_setting('application_name') <> 'test')
		EXECUTE FUNCTION require_event('name_key', 'name_held', 'next_name_key', 'app_login', 'addresses');
	CREATE CONSTRAINT TRIGGER require_event AFTER INSERT OR UPDATE ON operations DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW WHEN (current_setting('application_name') <> 'test')
		EXECUTE FUNCTION require_event('from_status', 'to_status', 'run_id', 'takeovers', 'blocked_since', 'supersedes', 'only_due',
			'resets_address', 'removed', 'client', 'retry_budget', 'attention_period', 'dispatch_after');
	CREATE CONSTRAINT TRIGGER require_event AFTER INSERT OR UPDATE ON provisioning_logs DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW WHEN (current_setting('application_name') <> 'test')
		EXECUTE FUNCTION require_event('passing', 'started_at');`

// unannounced are the changes that left no event.
func (i *installation) unannounced() []string {
	i.t.Helper()
	return value[[]string](i, `SELECT coalesce(array_agg(DISTINCT change), '{}') FROM unannounced`)
}

// TestEveryChangeLeavesAnEvent in whatever happens to tenants: streams and the cache
// live on them.
func TestEveryChangeLeavesAnEvent(t *testing.T) {
	t.Parallel()
	for name, happens := range map[string]func(*installation){
		"a life to its end":           (*installation).livesToItsEnd,
		"a mail that is refused":      (*installation).losesItsMail,
		"a rollback and another try":  (*installation).isTriedAgain,
		"nobody takes it":             (*installation).isNeverTaken,
		"something is to be repaired": (*installation).isRepaired,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := install(t, nil)
			i.execute(watchChanges)
			i.startAPI()
			happens(i)
			require.Empty(t, i.unannounced())
			i.execute(`BEGIN; SET LOCAL application_name = 'somebody'; UPDATE tenants SET tier = 'another'; COMMIT`)
			require.NotEmpty(t, i.unannounced(), "the watch is awake")
		})
	}
}

func (i *installation) livesToItsEnd() {
	i.startWorker()
	c, ctx := i.client(), i.t.Context()
	id := i.becomesActive(i.create("Charité")).ID
	_, err := c.ChangeTenant(ctx, id, client.ChangeTenantParams{AdminFirstName: "Grace", AdminEmail: "grace@hospital.example"})
	require.NoError(i.t, err)
	for _, u := range turns {
		i.reaches(u.ask(i, id).ID, "SUCCEEDED")
	}
	archive, undelete := turns[2], turns[3]
	for _, reason := range []string{"case 17", "case 18"} {
		_, err = c.SetLegalHold(ctx, id, client.SetLegalHoldParams{Reason: reason})
		require.NoError(i.t, err)
	}
	i.reaches(archive.ask(i, id).ID, "SUCCEEDED")
	o, err := c.UndeleteTenant(ctx, id, client.UndeleteTenantParams{Name: "Charité am See", Reason: "ticket 4711"})
	require.NoError(i.t, err)
	i.reaches(o.ID, "SUCCEEDED")
	require.Equal(i.t, undelete.status, i.tenant(id).Status)
	_, err = c.LiftLegalHold(ctx, id, client.LiftLegalHoldParams{Reason: "closed"})
	require.NoError(i.t, err)
	i.reaches(archive.ask(i, id).ID, "SUCCEEDED")
	i.reaches(purge.ask(i, id).ID, "SUCCEEDED")
}

// losesItsMail parks twice, is taken over when its run was terminated, and ends by a
// skip; another one gives way to a suspension.
func (i *installation) losesItsMail() {
	i.mail.Fail(mailtest.Fault{Status: http.StatusBadRequest})
	i.startWorker()
	o := i.reaches(i.create("Charité").ID, "NEEDS_ATTENTION")
	i.actUntilAccepted(o.ID, "retry")
	i.parksAgain(o)
	o = i.operation(o.ID)
	i.terminate(o)
	i.reconciles()
	i.parksAgain(o)
	require.Positive(i.t, value[int](i, `SELECT takeovers FROM operations WHERE id = $1`, o.ID))
	i.actUntilAccepted(o.ID, "skip")
	i.reaches(o.ID, "SUCCEEDED")

	o = i.reaches(i.create("Bethanien").ID, "NEEDS_ATTENTION")
	i.mail.Recover()
	i.reaches(turns[0].ask(i, o.TenantID).ID, "SUCCEEDED")
}

// parksAgain waits until a parked operation has tried again and parked again.
func (i *installation) parksAgain(o operation) {
	i.t.Helper()
	eventually(i.t, "it parks again", func() bool {
		now := i.operation(o.ID)
		return now.State == client.StateNeedsAttention && now.Attempts > o.Attempts
	})
}

func (i *installation) isTriedAgain() {
	heal := failures["the database rejects the activation"].arrange(i, operation{})
	i.startWorker()
	o := i.reaches(i.create("Charité").ID, "ROLLED_BACK")
	heal()
	again, err := i.client().ReprovisionTenant(i.t.Context(), o.TenantID, client.ReprovisionTenantParams{Reason: "a test"})
	require.NoError(i.t, err)
	i.reaches(again.ID, "SUCCEEDED")
}

func (i *installation) isNeverTaken() {
	o := i.create("Charité")
	i.actUntilAccepted(o.ID, "rollback")
	i.reaches(o.ID, "ROLLED_BACK")
}

func (i *installation) isRepaired() {
	i.startWorker()
	id := i.becomesActive(i.create("Charité")).ID
	i.execute(`UPDATE tenants SET activated_at = NULL, contract_id = NULL WHERE id = $1`, id)
	for _, f := range i.reconciles() {
		i.output("reconcile", "--repair", f.ID, "--yes", "--reason", "ticket 4711")
	}
	require.True(i.t, value[bool](i, `SELECT activated_at IS NOT NULL AND contract_id IS NOT NULL FROM tenants WHERE id = $1`, id))
}
