package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// emptySchemas makes tenants whose schemas are at version 0, before the first file of
// the template.
func (i *installation) emptySchemas(n int) {
	i.t.Helper()
	for range n {
		id := uuid.Must(uuid.NewV7()).String()
		schema := "t_" + id[len(id)-8:]
		quoted := pgx.Identifier{schema}.Sanitize()
		i.execute(fmt.Sprintf(`
			INSERT INTO tenants (id, name, name_key, slug, schema_name, role_name, app_login, status, admin_email, admin_first_name, admin_last_name, tier, region)
				VALUES ('%[1]s', 'Hospital %[2]s', 'hospital %[2]s', '', '%[2]s', '%[2]s', 'app', 'ARCHIVED', 'a@example.com', 'A', 'B', 'standard', 'default');
			SELECT ensure_role('%[2]s', '%[1]s', 'NOLOGIN');
			CREATE SCHEMA %[3]s;
			INSERT INTO tenant_schema_versions (schema_name, tenant_id, generation, version) VALUES ('%[2]s', '%[1]s', 1, 0);`, id, schema, quoted))
	}
}

// fleetRun is what starter and the API say of a run.
type fleetRun struct {
	State  string `json:"state"`
	Counts struct {
		Done int `json:"done"`
	} `json:"counts"`
}

// migration is the newest run, by starter.
func (i *installation) migration() (r fleetRun, ok bool) {
	i.t.Helper()
	p := i.starter("migrate", "tenants", "--status", "--output", "json")
	if p.wait() != 0 {
		return r, false // what it asks was just killed
	}
	var status struct{ Run fleetRun }
	require.NoError(i.t, json.Unmarshal([]byte(p.stdout.String()), &status))
	return status.Run, true
}

// migrated requires that every schema is at version 1 and whole.
func (i *installation) migrated(tenants int) {
	i.t.Helper()
	require.Equal(i.t, tenants, value[int](i, `SELECT count(*) FROM tenant_schema_versions WHERE version = 1`))
	require.Equal(i.t, 3*tenants, value[int](i, `SELECT count(*) FROM pg_tables WHERE schemaname IN (SELECT schema_name FROM tenant_schema_versions)`))
	require.Equal(i.t, 0, value[int](i, `SELECT count(*) FROM fleet_items WHERE state <> 'DONE'`))
}

// TestEverythingIsKilledWhileTenantsAreMigrated: rounds, each of its own seed, of kill -9 of the
// worker, Temporal and PostgreSQL, each in the middle of a run.
func TestEverythingIsKilledWhileTenantsAreMigrated(t *testing.T) {
	t.Parallel()
	i, s := installOnOwnStack(t)
	worker := i.startWorker()
	done := 0
	for round := range rounds(t, 3) {
		random := rand.New(rand.NewPCG(20, round))
		const more = 60
		i.emptySchemas(more)
		require.Zero(t, i.starter("migrate", "tenants", "--detach", "--canary", "3").wait())
		kills := []func(){
			func() { worker.kill(); worker = i.startWorker() },
			func() { s.kill("temporal") },
			func() { s.kill("postgres") },
		}
		random.Shuffle(len(kills), func(a, b int) { kills[a], kills[b] = kills[b], kills[a] })
		for n, kill := range kills {
			at := done + n*more/4 + random.IntN(more/4)
			eventually(t, "it is in the middle", func() bool {
				var migrated int
				err := i.db.QueryRow(t.Context(), `SELECT count(*) FROM tenant_schema_versions WHERE version = 1`).Scan(&migrated)
				return err == nil && migrated >= at
			})
			kill()
		}
		done += more
		eventually(t, "it is completed", func() bool {
			r, ok := i.migration()
			return ok && r.State == "COMPLETED" && r.Counts.Done == more
		})
		i.migrated(done)
	}
}

// TestRunbookOfAStuckMigration follows the page for one tenant whose file fails.
func TestRunbookOfAStuckMigration(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.start()
	i.emptySchemas(4)
	spoilt := value[string](i, `SELECT schema_name FROM tenant_schema_versions ORDER BY md5(tenant_id::text) LIMIT 1`)
	i.execute(`CREATE TABLE ` + pgx.Identifier{spoilt}.Sanitize() + `.roles (id int)`)
	p := i.starter("migrate", "tenants", "--canary", "1")
	require.Equal(t, 3, p.wait(), "%s%s", p.stdout.String(), p.stderr.String())
	require.Contains(t, p.stderr.String(), "migration-stuck.md")
	require.Contains(t, p.stdout.String(), "00001_users_and_roles.sql fails on this tenant's schema (SQLSTATE 42P07)")

	scripts := way(t, "migration-stuck.md", false)
	require.Len(t, scripts, 4)
	for n, script := range scripts {
		if strings.Contains(script, "--retry") {
			i.execute(`DROP TABLE ` + pgx.Identifier{spoilt}.Sanitize() + `.roles`)
		}
		i.goes(operation{}, scripts[n:n+1])
	}
	eventually(t, "it is completed", func() bool {
		r, ok := i.migration()
		return ok && r.State == "COMPLETED"
	})
	i.migrated(4)
}
