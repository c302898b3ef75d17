package e2e

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
)

// TestAStandbyIsPromoted while tenants are provisioned. The address stays, the old
// primary lives on without taking writes, and nobody starts a process again.
func TestAStandbyIsPromoted(t *testing.T) {
	t.Parallel()
	primary := postgrestest.Start(t)
	i := installOn(t, primary.Superuser(), nil)
	metrics := address(freePort(t))
	i.env["METRICS_ADDR"] = metrics
	standby := primary.Standby()
	g := i.throughGate("DB_HOST", "DB_PORT")
	i.start()
	i.becomesActive(i.create("Charité"))
	held := i.rpc.hold(t, sendTransaction, afterSending)
	second := i.create("Bethanien")
	held.await()
	i.awaitReadiness(metrics, http.StatusOK, "ok")

	standby.Follows(primary)
	standby.Promote()
	primary.Refuse(true)
	held.release()
	i.awaitReadiness(metrics, http.StatusServiceUnavailable, "read-only")
	r := i.call(http.MethodPost, "/v1/tenants", request("Nowhere"))
	require.Equal(t, http.StatusServiceUnavailable, r.status, "%s", r.body)
	require.Contains(t, string(r.body), "read-only")
	require.NotEmpty(t, r.header.Get("Retry-After"))
	require.Equal(t, http.StatusOK, i.insist(http.MethodGet, "/v1/tenants", nil).status, "what is there can be read")

	g.lead(standby.Address())
	third := i.createPatiently("Nordend")
	i.awaitReadiness(metrics, http.StatusOK, "ok")
	i.db = i.onServer(standby.Superuser())
	i.becomesActive(second)
	i.becomesActive(third)
	i.requireNoMore()
}

// awaitReadiness waits until api and worker answer their probe in a way.
func (i *installation) awaitReadiness(metrics string, status int, text string) {
	i.t.Helper()
	for _, url := range []string{i.url, "http://" + metrics} {
		var last string
		eventually(i.t, url+" says "+text, func() bool {
			r, err := http.Get(url + "/readyz")
			if err != nil {
				return false
			}
			defer r.Body.Close()
			body, err := io.ReadAll(r.Body)
			last = strconv.Itoa(r.StatusCode) + " " + string(body)
			return err == nil && r.StatusCode == status && bytes.Contains(body, []byte(text))
		})
		i.t.Log(last)
	}
}

// onServer is the installation's database on another server, past the product.
func (i *installation) onServer(superuser postgres.Config) *pgxpool.Pool {
	i.t.Helper()
	superuser.Database = i.env["DB_NAME"]
	pool, err := postgrestest.Open(superuser)
	require.NoError(i.t, err)
	i.t.Cleanup(pool.Close)
	return pool
}

// TestThroughPgBouncer: in session mode it is as good as PostgreSQL itself; in the
// others every program says so and ends.
func TestThroughPgBouncer(t *testing.T) {
	t.Parallel()
	t.Run("session", func(t *testing.T) {
		t.Parallel()
		i := install(t, nil)
		i.throughPgBouncer("session")
		i.start()
		var operations []operation
		for n := range 12 {
			operations = append(operations, i.create("Hospital "+strconv.Itoa(n)))
		}
		for _, o := range operations {
			i.becomesActive(o)
		}
		i.requireNoMore()
	})
	for _, mode := range []string{"transaction", "statement"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			i := install(t, nil)
			i.throughPgBouncer(mode)
			for _, p := range []*process{
				launch(t, i.env, binaries.path(t, "api")), i.startWorker(), i.starter("migrate"), i.starter("list"),
			} {
				require.NotZero(t, p.wait(), p.name)
				require.Contains(t, p.stderr.String(), "pool_mode = session", p.name)
			}
		})
	}
}

// throughPgBouncer leads what is started from now on through Debian's PgBouncer,
// as it is usually set.
func (i *installation) throughPgBouncer(mode string) {
	i.t.Helper()
	port, err := strconv.Atoi(i.env["DB_PORT"])
	require.NoError(i.t, err)
	c := postgrestest.Pooled(i.t, postgres.Config{Host: i.env["DB_HOST"], Port: port, User: i.env["DB_USERNAME"], Password: i.env["DB_PASSWORD"]}, mode,
		"ignore_startup_parameters = extra_float_digits,options,search_path,statement_timeout,idle_in_transaction_session_timeout")
	i.env["DB_HOST"], i.env["DB_PORT"] = c.Host, strconv.Itoa(c.Port)
}
