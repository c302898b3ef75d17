package postgres_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/migrations"
)

// BenchmarkTakenSchema is what a request that takes a standby may have to do with its
// schema and role: what is left for then is what a standby cannot have before.
func BenchmarkTakenSchema(b *testing.B) {
	template, err := migrations.Tenant()
	require.NoError(b, err)
	const seed = `INSERT INTO %[2]s.users (id, email, first_name, last_name, role) VALUES (gen_random_uuid(), 'ada@hospital.example', 'Ada', 'Lovelace', 'admin')`
	const rename = `ALTER SCHEMA %[1]s RENAME TO %[2]s;`
	for w, way := range []struct {
		name, sql string
	}{
		{"looked up", `INSERT INTO %[1]s.users (id, email, first_name, last_name, role) SELECT gen_random_uuid(), 'ada@hospital.example', 'Ada', 'Lovelace', 'admin' WHERE '%[2]s' <> ''`},
		{"schema renamed", rename + seed},
		{"schema and role renamed", rename + `ALTER ROLE %[1]s RENAME TO %[2]s;` + seed},
		{"schema renamed, role and grants made", rename + `SELECT ensure_role('%[2]s', gen_random_uuid()::text, 'NOLOGIN');
			GRANT USAGE ON SCHEMA %[2]s TO %[2]s; GRANT SELECT ON %[2]s.roles TO %[2]s;
			GRANT SELECT, INSERT, UPDATE, DELETE ON %[2]s.users TO %[2]s; GRANT SELECT, INSERT ON %[2]s.audit_logs TO %[2]s;` + seed},
	} {
		b.Run(way.name, func(b *testing.B) {
			pool := postgrestest.New(b)
			exec := func(sql string) {
				if _, err := pool.Exec(b.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
					b.Fatal(err)
				}
			}
			for n := 0; b.Loop(); n++ {
				b.StopTimer()
				made, taken := fmt.Sprintf("t_%d_%06x", w, n), fmt.Sprintf("t_charite_%d_%06x", w, n)
				exec(fmt.Sprintf(`SELECT ensure_role('%[1]s', gen_random_uuid()::text, 'NOLOGIN'); CREATE SCHEMA %[1]s; %[2]s;
					INSERT INTO %[1]s.roles VALUES ('admin', '')`, made, template.For(made, made)))
				b.StartTimer()
				exec(`BEGIN;` + fmt.Sprintf(way.sql, made, taken) + `; COMMIT`)
			}
		})
	}
}
