package e2e

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/backup/bucket/buckettest"
)

// TestEverythingIsKilledWhileTenantsAreBackedUpAndRestored: seeded rounds of kill -9 of the
// worker, Temporal, PostgreSQL and the store, each in the middle of a backup of all
// tenants, and then of restores of them all.
func TestEverythingIsKilledWhileTenantsAreBackedUpAndRestored(t *testing.T) {
	t.Parallel()
	store := buckettest.Start(t)
	i, s := installOnOwnStack(t)
	maps.Copy(i.env, inBucket(t, store.URL()))
	i.startAPI()
	v := &victims{installation: i, stack: s, store: store, worker: i.startWorker()}
	const tenants = 40
	v.schemas = i.inUse(tenants, "app")
	for _, schema := range v.schemas {
		i.records(schema, 500)
	}
	i.execute(`UPDATE tenants SET status = 'SUSPENDED' WHERE schema_name = $1`, v.schemas[0])
	i.execute(`SELECT revoke_access($1, $1)`, v.schemas[0])
	v.were = i.contents()
	for n := range rounds(t, 2) {
		v.dieInABackup(n)
	}
	for n := range rounds(t, 1) {
		v.dieInRestores(n)
	}
}

// victims are killed.
type victims struct {
	*installation
	stack  *stack
	store  *buckettest.Server
	worker *process

	schemas []string
	were    map[string]contents // when they were backed up
}

// kills are one of each, in a random order.
func (v *victims) kills(random *rand.Rand) []func() {
	kills := []func(){
		func() { v.worker.kill(); v.worker = v.startWorker() },
		func() { v.stack.kill("temporal") },
		func() { v.stack.kill("postgres") },
		func() { v.store.Kill(); v.store.Restart() },
	}
	random.Shuffle(len(kills), func(a, b int) { kills[a], kills[b] = kills[b], kills[a] })
	return kills
}

// counts waits until a query counts that much; the database may be away.
func (v *victims) counts(what string, atLeast int, sql string, args ...any) {
	v.t.Helper()
	eventually(v.t, what, func() bool {
		var n int
		err := v.db.QueryRow(v.t.Context(), sql, args...).Scan(&n)
		return err == nil && n >= atLeast
	})
}

// dieInABackup: the run goes on with the tenants that have no backup yet, and nothing that
// was half written counts.
func (v *victims) dieInABackup(n uint64) {
	t, random, tenants := v.t, rand.New(rand.NewPCG(20, n)), len(v.schemas)
	t.Helper()
	const done = `SELECT count(*) FROM backups WHERE state = 'GOOD' AND tenant_id IS NOT NULL`
	before := int(n) * tenants
	v.output("backup")
	kills := v.kills(random)
	for k, kill := range kills {
		v.counts("it is in the middle", before+k*tenants/(len(kills)+1)+random.IntN(tenants/(len(kills)+1)), done)
		kill()
	}
	v.counts("it is completed", int(n)+1, `SELECT least((SELECT count(*) FROM fleet_runs WHERE kind = 'backup' AND state = 'COMPLETED'),
		(SELECT count(*) FROM backups WHERE state = 'GOOD' AND tenant_id IS NULL))`)
	require.Equal(t, before+tenants, value[int](v.installation, done), "a tenant that had its backup got no other")
	eventually(t, "what killed workers left is deleted", func() bool {
		return value[int](v.installation, `SELECT count(*) FROM backups WHERE state <> 'GOOD'`) == 0
	})
	v.intact()
}

// dieInRestores: every tenant has the rows of its backup and the access it had, and what it
// had before is kept. Nothing else is left.
func (v *victims) dieInRestores(n uint64) {
	t, random := v.t, rand.New(rand.NewPCG(21, n))
	t.Helper()
	for _, schema := range v.schemas {
		notes := pgx.Identifier{schema, "notes"}.Sanitize()
		v.execute(`DELETE FROM ` + notes + ` WHERE id % 2 = 0; UPDATE ` + notes + ` SET text = 'spoiled'`)
	}
	random.Shuffle(len(v.schemas), func(a, b int) { v.schemas[a], v.schemas[b] = v.schemas[b], v.schemas[a] })
	var asked []string
	kills := v.kills(random)
	each := len(v.schemas) / len(kills)
	for k, kill := range kills {
		for _, schema := range v.schemas[k*each : (k+1)*each] {
			asked = append(asked, v.restores(schema).ID)
		}
		v.counts("they are in the middle", k*each+1+random.IntN(each), `SELECT count(*) FROM restore_schemas WHERE operation_id = ANY ($1::uuid[])`, asked)
		kill()
	}
	for _, id := range asked {
		v.reaches(id, "SUCCEEDED")
	}

	v.requireRows()
	v.requireAccess()
	require.Zero(t, value[int](v.installation, `SELECT count(*) FROM backups WHERE state <> 'GOOD'`), "a store that was away has spoiled no backup")
	require.Equal(t, len(asked), value[int](v.installation, `SELECT count(*) FROM restore_schemas r JOIN tenants t ON t.id = r.tenant_id
		WHERE r.purpose = 'kept' AND NOT has_schema_privilege(t.role_name, r.schema_name, 'USAGE')`), "what there was before is kept")
	require.Equal(t, len(asked), value[int](v.installation, `SELECT count(*) FROM pg_namespace WHERE starts_with(nspname, 'tp_')`), "and nothing else")
	v.execute(`UPDATE restore_schemas SET drop_after = now()`)
	eventually(t, "what is kept is dropped a day later", func() bool {
		v.answered("reconcile")
		return value[int](v.installation, `SELECT count(*) FROM pg_namespace WHERE starts_with(nspname, 'tp_')`) == 0
	})
}

// requireRows requires every row as it was backed up, and sequences that go on after them:
// a PostgreSQL that is killed leaves out up to 32 numbers.
func (v *victims) requireRows() {
	t := v.t
	t.Helper()
	are := v.contents()
	for schema, were := range v.were {
		for table, was := range were {
			if strings.HasSuffix(table, "_seq") {
				require.GreaterOrEqual(t, last(t, are[schema][table]), last(t, was), "%s.%s", schema, table)
				are[schema][table] = was
			}
		}
	}
	require.Equal(t, v.were, are)
}

// last is the number of a sequence's contents.
func last(t testing.TB, sequence string) (n int) {
	t.Helper()
	_, err := fmt.Sscan(sequence, &n)
	require.NoError(t, err)
	return n
}

// restores asks for the restore of a tenant from its newest backup, however often it takes.
func (v *victims) restores(schema string) operation {
	v.t.Helper()
	var id, from string
	eventually(v.t, "its backup is found", func() bool {
		return v.db.QueryRow(v.t.Context(), `SELECT t.id::text, b.id::text FROM tenants t JOIN backups b ON b.tenant_id = t.id AND b.state = 'GOOD'
			WHERE t.schema_name = $1 ORDER BY b.taken_at DESC LIMIT 1`, schema).Scan(&id, &from) == nil
	})
	key := uuid.NewString()
	var r reply
	eventually(v.t, "the restore is accepted", func() bool {
		var err error
		r, err = v.try(promptly, http.MethodPost, "/v1/tenants/"+id+"/restore", map[string]string{"backupId": from, "reason": "ticket 4711"}, "Idempotency-Key", key)
		require.False(v.t, err == nil && r.status < 500 && r.status != http.StatusAccepted, "%d %s", r.status, r.body)
		return err == nil && r.status == http.StatusAccepted
	})
	return v.accepted(r)
}
