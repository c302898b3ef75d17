package e2e

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres/postgrestest"
)

// TestAWorkerWithAnotherDatabaseTakesNothing: what it took from the queues it
// would fail for good, because the tables that a step needs are not there.
func TestAWorkerWithAnotherDatabaseTakesNothing(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.startAPI()
	var wrong []*process
	for _, database := range []string{"postgres" /* is not migrated */, "nowhere"} {
		w := i.with(map[string]string{"DB_NAME": database}).startWorker()
		w.says("no work is taken before the database is ready")
		wrong = append(wrong, w)
	}
	i.startWorker().says("polling")
	var operations []operation
	for n := range 8 {
		operations = append(operations, i.create(fmt.Sprintf("Hospital %d", n)))
	}
	for _, o := range operations {
		i.becomesActive(o)
	}
	for _, w := range wrong {
		require.True(t, w.Running())
		require.NotContains(t, w.stderr.String(), "polling")
	}
	i.requireNoMore()
}

// TestTheAPIWithoutItsDatabaseIsUnavailable: a password or name that was changed
// is put right sooner or later, and the same request may then be sent again.
func TestTheAPIWithoutItsDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	for name, settings := range map[string]map[string]string{
		"password": {"DB_USERNAME": "nobody", "DB_PASSWORD": "of-nobody"},
		"database": {"DB_NAME": "nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			api := i.with(settings).startAPI()
			defer api.kill()
			for _, r := range []reply{
				i.call(http.MethodPost, "/v1/tenants", request("Charité")), i.call(http.MethodGet, "/v1/tenants", nil),
			} {
				require.Equal(t, http.StatusServiceUnavailable, r.status, "%s", r.body)
				require.NotEmpty(t, r.header.Get("Retry-After"))
			}
			p := i.with(settings).starter("list")
			require.NotZero(t, p.wait())
			require.Contains(t, p.stderr.String(), "DB_USERNAME, DB_PASSWORD and DB_NAME")
		})
	}
}

// TestProductionRefusesAnotherNetwork that the RPC server does not confirm.
func TestProductionRefusesAnotherNetwork(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	const password = "c3f1d0a97b5e4862"
	role := "production_" + i.env["DB_NAME"]
	superuser := postgrestest.Superuser(t)
	postgrestest.Execute(t, superuser, fmt.Sprintf(`CREATE ROLE %s LOGIN PASSWORD '%s' IN ROLE %s`, role, password, i.env["DB_USERNAME"]))
	t.Cleanup(func() { postgrestest.Execute(t, superuser, `DROP ROLE `+role) }) // nothing belongs to it
	i = i.with(map[string]string{
		"NODE_ENV": "production", "DB_USERNAME": role, "DB_PASSWORD": password, "MAIL_PASSWORD": "SG.c3f1d0a97b5e4862",
		"PAYLOAD_KEYS":    "k1:" + base64.StdEncoding.EncodeToString([]byte(strings.ToLower(keypair.MustRandom().Seed())[:32])),
		"SOROBAN_NETWORK": "testnet",
	})
	worker := i.startAnswered()
	require.NotZero(t, worker.wait())
	require.Contains(t, worker.stderr.String(), "SOROBAN_NETWORK is not the network of the server at SOROBAN_RPC_URL")
	require.NotContains(t, worker.stderr.String(), "polling")
}

// TestAWorkerThatCannotPayStarts: the network is confirmed, and what is missing
// may come while it works.
func TestAWorkerThatCannotPayStarts(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.env["SOROBAN_CONTRACT_DEPLOYER_SECRET"] = keypair.MustRandom().Seed() // nobody has sent it anything
	i.startAnswered().says("polling")
}

// startAnswered starts a worker whose question for the network was answered: one
// that it was not within two seconds says so, goes on, and is replaced.
func (i *installation) startAnswered() *process {
	i.t.Helper()
	var worker *process
	eventually(i.t, "the server has answered a worker", func() bool {
		worker = i.startWorker()
		over := func() bool { return !worker.Running() || strings.Contains(worker.stderr.String(), "polling") }
		eventually(i.t, "the worker has asked", over)
		unanswered := strings.Contains(worker.stderr.String(), "the network is not confirmed yet")
		if unanswered {
			worker.kill()
		}
		return !unanswered
	})
	return worker
}
