package notice_test

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/mail"
	"tenant-provisioning/internal/mail/mailtest"
	"tenant-provisioning/internal/notice"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/tenant"
)

// patience is the end of a wait for something that does not come: longer than the
// lease of a notice whose worker was too slow.
const patience = 5 * time.Minute

// bundle is a database, a mail provider on the real wire, and workers' notifiers.
type bundle struct {
	pool       *pgxpool.Pool
	notices    *postgres.Notices
	operations *postgres.Operations
	catcher    *mailtest.Server
	postman    *mail.Postman
}

func setup(t *testing.T) *bundle {
	t.Helper()
	pool := postgrestest.New(t)
	b := &bundle{pool: pool, notices: postgres.NewNotices(pool), operations: postgres.NewOperations(pool)}
	b.catcher = mailtest.NewServer(t)
	provider, err := mail.NewSendGrid(mail.SendGridConfig{APIKey: mailtest.APIKey, BaseURL: b.catcher.URL, SettingPrefix: "MAIL_", Timeout: patience})
	require.NoError(t, err)
	b.postman = mail.NewPostman(mail.PostmanConfig{Provider: provider, From: mail.Address{Name: "Platform", Addr: "no-reply@platform.example"}, Clock: time.Now})
	return b
}

// start runs notifiers, as many workers have.
func (b *bundle) start(t *testing.T, workers int) {
	t.Helper()
	for range workers {
		b.startWith(t, notice.Config{
			Mailer: b.postman, Recipients: []string{"oncall@platform.example", "ada@platform.example"}, Logger: slog.New(slog.DiscardHandler),
		})
	}
}

// startWith runs a notifier on the database.
func (b *bundle) startWith(t *testing.T, c notice.Config) {
	t.Helper()
	c.Store, c.Window, c.Poll = b.notices, 300*time.Millisecond, 20*time.Millisecond
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { notice.New(c).Run(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
}

// park makes an operation that waits for a person.
func (b *bundle) park(t *testing.T, name string) tenant.OperationID {
	t.Helper()
	id, err := tenant.NewID()
	require.NoError(t, err)
	operation, err := tenant.NewOperationID()
	require.NoError(t, err)
	_, err = b.operations.Submit(t.Context(), tenant.Submission{
		New: &tenant.Tenant{
			ID: id, Name: name, Schema: tenant.SchemaName("", id), Role: tenant.SchemaName("", id), Status: tenant.StatusPending, Generation: 1,
			Administrator: tenant.Administrator{Email: "x@hospital.example", FirstName: "X", LastName: "Y"}, Tier: "standard", Region: "default",
		},
		Operation: tenant.Operation{ID: operation, TenantID: id, Kind: tenant.KindProvision, Client: "c", RetryBudget: time.Minute, AttentionPeriod: time.Hour},
		Actor:     "ada",
	})
	require.NoError(t, err)
	b.parkAgain(t, operation)
	return operation
}

func (b *bundle) parkAgain(t *testing.T, id tenant.OperationID) {
	t.Helper()
	b.exec(t, `UPDATE operations SET state = 'NEEDS_ATTENTION', pivot_passed = true, run_id = 'r', failed_step = 'SEND_WELCOME_EMAIL',
		failure_class = 'auth', failure_reason = 'refused', attention_deadline = clock_timestamp() + interval '1 hour', updated_at = now() WHERE id = $1`, string(id))
}

func (b *bundle) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := b.pool.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

func (b *bundle) count(t *testing.T, sql string) (n int) {
	t.Helper()
	require.NoError(t, b.pool.QueryRow(t.Context(), sql).Scan(&n))
	return n
}

func (b *bundle) awaitSent(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return b.count(t, `SELECT count(*) FROM notices WHERE state = 'SENT'`) >= n }, patience, 20*time.Millisecond)
}

// TestOneMailForAll: many park, several workers look, and each person gets one
// mail; a parking is told of once, the next one of the same operation anew.
func TestOneMailForAll(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first, second := b.park(t, "Charité"), b.park(t, "Necker")
	b.start(t, 3)
	b.awaitSent(t, 2)
	for _, to := range []string{"oncall@platform.example", "ada@platform.example"} {
		mails := b.mails(to)
		require.Len(t, mails, 1)
		for _, id := range []tenant.OperationID{first, second} {
			require.Contains(t, mails[0].Text, "starter retry "+string(id))
		}
		require.NotContains(t, mails[0].Text, "Charité", "no name leaves the platform")
	}
	b.parkAgain(t, second)
	b.awaitSent(t, 4)
	mails := b.mails("ada@platform.example")
	require.Len(t, mails, 2)
	newest := mails[0].Text
	if mails[1].ReceivedAt.After(mails[0].ReceivedAt) {
		newest = mails[1].Text
	}
	require.Contains(t, newest, string(second))
	require.NotContains(t, newest, string(first), "it was told of already")
	require.Equal(t, 2, b.count(t, `SELECT count(DISTINCT batch)::int FROM notices`))
}

// mails are those that somebody has got.
func (b *bundle) mails(to string) (got []mailtest.Message) {
	for _, m := range b.catcher.Messages() {
		if m.To == to {
			got = append(got, m)
		}
	}
	return got
}

// postponed counts what was tried, and is tried again later: not those that are
// under way, which are leased for longer.
const postponed = `SELECT count(*) FROM notices WHERE state IN ('PENDING', 'SENDING') AND attempts >= 1 AND due_at > now() AND due_at < now() + interval '1 minute'`

// TestAFailedNoticeIsTriedAgain, later, and one whose operation no longer waits
// is dropped.
func TestAFailedNoticeIsTriedAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.park(t, "Charité")
	b.catcher.Fail(mailtest.Fault{Status: http.StatusServiceUnavailable})
	b.start(t, 1)
	require.Eventually(t, func() bool {
		return b.count(t, postponed) == 2
	}, patience, 20*time.Millisecond)
	require.Empty(t, b.mails("ada@platform.example"))
	b.catcher.Recover()
	b.exec(t, `UPDATE notices SET due_at = now()`)
	b.awaitSent(t, 2)
	require.Len(t, b.mails("ada@platform.example"), 1)
}

// TestADoubtIsAskedAbout: a worker that died after the mail had left.
func TestADoubtIsAskedAbout(t *testing.T) {
	t.Parallel()
	b := setup(t)
	operation := b.park(t, "Charité")
	id := uuid.NewString()
	o, err := b.operations.Find(t.Context(), operation)
	require.NoError(t, err)
	_, err = b.postman.SendNotice(t.Context(), tenant.Notice{ID: id, To: "ada@platform.example", Operations: []tenant.Operation{o}})
	require.NoError(t, err)
	doubtful, err := b.postman.SendNotice(t.Context(), tenant.Notice{ID: id, To: "ada@platform.example", Operations: []tenant.Operation{o}, Doubtful: true, Age: time.Minute})
	require.NoError(t, err)
	require.False(t, doubtful)
	require.Len(t, b.mails("ada@platform.example"), 1)
}

// TestWhatNoLongerWaitsIsNotToldOf.
func TestWhatNoLongerWaitsIsNotToldOf(t *testing.T) {
	t.Parallel()
	b := setup(t)
	operation := b.park(t, "Charité")
	require.Eventually(t, func() bool {
		require.NoError(t, b.notices.Collect(t.Context(), []string{"ada@platform.example"}, 0))
		return b.count(t, `SELECT count(*) FROM notices`) == 1
	}, patience, 20*time.Millisecond)
	b.exec(t, `UPDATE operations SET state = 'SUCCEEDED', attention_deadline = NULL WHERE id = $1`, string(operation))
	b.start(t, 1)
	require.Eventually(t, func() bool { return b.count(t, `SELECT count(*) FROM notices WHERE state = 'DROPPED'`) == 1 }, patience, 20*time.Millisecond)
	require.Empty(t, b.mails("ada@platform.example"))
}

// TestAnIncidentIsToldOfTwice: when it has lasted, and when it is over for good,
// to whoever was told before; not when it ends or comes back in between.
func TestAnIncidentIsToldOfTwice(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, `INSERT INTO incidents (dependency, cause, affected, opened_at) VALUES
		('ledger', 'the RPC server answers 503', 12, now()), ('database', 'no space left', 12, now() + interval '1 hour')`)
	b.exec(t, `INSERT INTO incidents (dependency, cause, affected, opened_at, closed_at) VALUES
		('mail', 'over before anybody was told', 12, now() - interval '2 hours', now() - interval '1 hour')`)
	b.start(t, 3)
	b.awaitSent(t, 2)
	mails := b.mails("ada@platform.example")
	require.Len(t, mails, 1)
	require.Equal(t, "Stellar fails for many tenants", mails[0].Subject)

	b.exec(t, `UPDATE incidents SET closed_at = now() WHERE dependency = 'ledger'`)
	b.exec(t, `UPDATE incidents SET closed_at = NULL, reopened = 1 WHERE dependency = 'ledger'`)
	b.park(t, "Charité")
	b.awaitSent(t, 4)
	require.Len(t, b.mails("ada@platform.example"), 2, "the incident and the parking: that it came back is not told")

	b.exec(t, `UPDATE incidents SET closed_at = now() - $1::interval WHERE dependency = 'ledger'`, tenant.IncidentQuiet)
	b.awaitSent(t, 6)
	b.park(t, "Necker")
	b.awaitSent(t, 8)
	for _, to := range []string{"oncall@platform.example", "ada@platform.example"} {
		var subjects []string
		for _, m := range b.mails(to) {
			subjects = append(subjects, m.Subject)
		}
		require.ElementsMatch(t, []string{
			"Stellar fails for many tenants", "Over: Stellar failed for many tenants",
			"An operation needs attention: SEND_WELCOME_EMAIL, auth", "An operation needs attention: SEND_WELCOME_EMAIL, auth",
		}, subjects)
	}
}

// TestAnIncidentThatEndsIsNotToldOf when the provider takes the mail only after
// that.
func TestAnIncidentThatEndsIsNotToldOf(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.catcher.Fail(mailtest.Fault{Status: http.StatusServiceUnavailable})
	b.exec(t, `INSERT INTO incidents (dependency, cause, affected, opened_at) VALUES ('ledger', 'no answer', 12, now() - interval '1 minute')`)
	b.start(t, 1)
	require.Eventually(t, func() bool {
		return b.count(t, postponed) == 2
	}, patience, 20*time.Millisecond)
	b.exec(t, `UPDATE incidents SET closed_at = now() - interval '1 hour'`)
	b.catcher.Recover()
	b.exec(t, `UPDATE notices SET due_at = now()`)
	require.Eventually(t, func() bool { return b.count(t, `SELECT count(*) FROM notices WHERE state = 'DROPPED'`) == 2 }, patience, 20*time.Millisecond)
	require.Empty(t, b.catcher.Messages())
}

// TestAnOutageOfMailThatHasEndedIsToldOf, since its own notice could not leave
// before: it says so, and once more when it has stayed so.
func TestAnOutageOfMailThatHasEndedIsToldOf(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.catcher.Fail(mailtest.Fault{Status: http.StatusServiceUnavailable})
	b.exec(t, `INSERT INTO incidents (dependency, cause, affected, opened_at) VALUES ('mail', 'no answer', 12, now() - interval '1 minute')`)
	b.start(t, 1)
	require.Eventually(t, func() bool { return b.count(t, postponed) == 2 }, patience, 20*time.Millisecond)
	b.exec(t, `UPDATE incidents SET closed_at = now()`)
	b.catcher.Recover()
	b.exec(t, `UPDATE notices SET due_at = now()`)
	b.awaitSent(t, 2)
	mails := b.mails("ada@platform.example")
	require.Len(t, mails, 1)
	require.Equal(t, "Has ended: E-mail failed for many tenants", mails[0].Subject)
	require.Contains(t, mails[0].Text, "NOTIFY_WEBHOOK")
	require.Contains(t, mails[0].Text, "one more mail")
	b.exec(t, `UPDATE incidents SET closed_at = closed_at - $1::interval`, tenant.IncidentQuiet)
	b.exec(t, `UPDATE notices SET sent_at = sent_at - $1::interval`, tenant.IncidentQuiet)
	b.awaitSent(t, 4)
	require.Len(t, b.mails("ada@platform.example"), 2)
}

// TestAnOutageOfMailThatIsLongOverIsToldOfOnce.
func TestAnOutageOfMailThatIsLongOverIsToldOfOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.catcher.Fail(mailtest.Fault{Status: http.StatusServiceUnavailable})
	b.exec(t, `INSERT INTO incidents (dependency, cause, affected, opened_at) VALUES ('mail', 'no answer', 12, now() - interval '2 hours')`)
	b.start(t, 1)
	require.Eventually(t, func() bool { return b.count(t, postponed) == 2 }, patience, 20*time.Millisecond)
	b.exec(t, `UPDATE incidents SET closed_at = now() - interval '1 hour'`)
	b.catcher.Recover()
	b.exec(t, `UPDATE notices SET due_at = now()`)
	b.park(t, "Charité")
	b.awaitSent(t, 4) // those of the parking, too
	b.exec(t, `UPDATE notices SET due_at = now() WHERE state = 'PENDING'`)
	b.park(t, "Necker")
	b.awaitSent(t, 6)
	var subjects []string
	for _, m := range b.mails("ada@platform.example") {
		subjects = append(subjects, m.Subject)
	}
	require.Len(t, subjects, 3)
	require.Contains(t, subjects, "Has ended: E-mail failed for many tenants")
}

// TestAnOutageOfAllWorkersIsToldOfTwice: at once, since it was noted only when it
// had lasted, and when it is over; not at all when it ended before the mail left.
func TestAnOutageOfAllWorkersIsToldOfTwice(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, `INSERT INTO worker_outages (cause, waiting, opened_at, closed_at) VALUES ('over before anybody was told', 1, now() - interval '1 hour', now())`)
	b.exec(t, `INSERT INTO worker_outages (cause, waiting, opened_at) VALUES ('No worker is running: none has ever been seen', 9, now())`)
	b.start(t, 3)
	b.awaitSent(t, 2)
	mails := b.mails("ada@platform.example")
	require.Len(t, mails, 1)
	require.Equal(t, "No worker takes work", mails[0].Subject)
	require.Contains(t, mails[0].Text, "no-worker.md")

	b.exec(t, `UPDATE worker_outages SET closed_at = now() WHERE closed_at IS NULL`)
	b.awaitSent(t, 4)
	var subjects []string
	for _, m := range b.mails("oncall@platform.example") {
		subjects = append(subjects, m.Subject)
	}
	require.ElementsMatch(t, []string{"No worker takes work", "Over: no worker took work"}, subjects)
}
