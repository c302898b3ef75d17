package e2e

import (
	"net/http"
	"testing"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/client"
	"tenant-provisioning/internal/postgres/postgrestest"
	controlmigrations "tenant-provisioning/migrations"
)

// withoutTraces is the last version of the control tables in which an operation has no
// place for its trace: nothing can be accepted.
const withoutTraces = 5

// TestADatabaseOfTheVersionBefore: new programs meet a database that nobody has
// migrated yet. They run, take nothing, and say what to run; then they work, and
// nobody has to start them again.
func TestADatabaseOfTheVersionBefore(t *testing.T) {
	t.Parallel()
	c := postgrestest.Empty(t, "")
	metrics := address(freePort(t))
	i := install(t, map[string]string{"METRICS_ADDR": metrics}).with(map[string]string{"DB_NAME": c.Database})
	var err error
	i.db, err = postgrestest.Open(c)
	require.NoError(t, err)
	t.Cleanup(i.db.Close)
	db := stdlib.OpenDBFromPool(i.db)
	before, err := goose.NewProvider(goose.DialectPostgres, db, controlmigrations.Control())
	require.NoError(t, err)
	_, err = before.UpTo(t.Context(), withoutTraces)
	require.NoError(t, err)
	require.NoError(t, db.Close())

	const says = "and this build needs"
	api, worker := i.start()
	worker.says("no work is taken before the database is ready")
	for _, r := range []reply{i.call(http.MethodGet, "/readyz", nil), i.probes(metrics, "/readyz")} {
		require.Equal(t, http.StatusServiceUnavailable, r.status, "%s", r.body)
		require.Contains(t, string(r.body), says)
		require.Contains(t, string(r.body), "starter migrate")
	}
	refused := i.call(http.MethodPost, "/v1/tenants", request("Charité"))
	require.Equal(t, http.StatusServiceUnavailable, refused.status, "%s", refused.body)
	require.NotEmpty(t, refused.header.Get("Retry-After"))
	require.Contains(t, string(refused.body), "starter migrate")
	for _, command := range [][]string{
		{"list"}, {"setup", "--wait", "1s"}, {"doctor", "--only", "database"},
		{"provision", "--name", "Charité", "--admin-email", "a@b.example", "--admin-first-name", "A", "--admin-last-name", "L"},
	} {
		p := i.starter(command...)
		require.NotZero(t, p.wait(), command)
		require.Contains(t, p.stdout.String()+p.stderr.String(), says, command)
	}
	require.Zero(t, value[int](i, `SELECT count(*) FROM tenants`))

	i.output("migrate")
	i.becomesActive(i.create("Charité"))
	require.Equal(t, http.StatusOK, i.probes(metrics, "/readyz").status)
	require.True(t, api.Running() && worker.Running())
}

// TestADatabaseOfTheNextVersion: programs of this version go on beside those of the
// next one, and say that they are to be replaced. What the new tables have no place
// for is refused in words, and nothing is lost.
func TestADatabaseOfTheNextVersion(t *testing.T) {
	t.Parallel()
	metrics := address(freePort(t))
	i := install(t, map[string]string{"METRICS_ADDR": metrics})
	i.sql(`INSERT INTO goose_db_version (version_id, is_applied) SELECT max(version_id) + 1, true FROM goose_db_version`)
	i.sql(`ALTER TABLE tenants ADD COLUMN of_the_next_version text NOT NULL DEFAULT ''`)
	const says = "A newer version has migrated the database"
	_, worker := i.start()
	i.becomesActive(i.create("Charité"))
	for _, r := range []reply{i.call(http.MethodGet, "/readyz", nil), i.probes(metrics, "/readyz")} {
		require.Equal(t, http.StatusOK, r.status, "%s", r.body)
		require.Contains(t, string(r.body), says)
	}
	i.output("list")
	i.output("migrate") // which has nothing to do
	examined := i.starter("doctor", "--only", "database")
	examined.wait()
	require.Regexp(t, `warning +tables +`+says, examined.stdout.String())

	// A worker that meets what it does not know undoes nothing: one of the next version
	// may take the step, as it may be put right.
	i.sql(`ALTER TABLE stellar_transactions RENAME COLUMN target_status TO status_of_the_next_version`)
	waiting := i.create("Bethanien")
	eventually(t, "the step is missed", func() bool { return missedByContract(i, worker) })
	require.Equal(t, client.StateRunning, i.operation(waiting.ID).State)
	require.Contains(t, i.output("status", waiting.ID), "replace this program by that version")
	i.sql(`ALTER TABLE stellar_transactions RENAME COLUMN status_of_the_next_version TO target_status`)
	i.becomesActive(waiting)

	i.sql(`ALTER TABLE operations RENAME COLUMN traceparent TO trace_of_the_next_version`)
	refused := i.call(http.MethodPost, "/v1/tenants", request("Nordend"))
	require.Equal(t, http.StatusServiceUnavailable, refused.status, "%s", refused.body)
	require.Equal(t, client.CodeUnavailable, read[problem](i, refused).Code)
	require.Contains(t, string(refused.body), "replace this program by that version")
	require.True(t, worker.Running())
	i.requireNoMore()
}

// sql changes the database past the product.
func (i *installation) sql(text string) {
	i.t.Helper()
	_, err := i.db.Exec(i.t.Context(), text)
	require.NoError(i.t, err, text)
}

// probes asks the worker that listens there.
func (i *installation) probes(metrics, path string) reply {
	i.t.Helper()
	var r reply
	eventually(i.t, path+" of the worker is answered", func() bool {
		req, err := http.NewRequestWithContext(i.t.Context(), http.MethodGet, "http://"+metrics+path, nil)
		require.NoError(i.t, err)
		r, err = send(req)
		return err == nil
	})
	return r
}
