package postgrestest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/migrations"
)

// MakeUsers gives a tenant that no worker has made its schema with its
// administrator, and returns the table of its users.
func MakeUsers(t testing.TB, pool *pgxpool.Pool, id tenant.ID) (users string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	var name string
	require.NoError(t, pool.QueryRow(ctx, `SELECT schema_name FROM tenants WHERE id = $1`, string(id)).Scan(&name))
	template, err := migrations.Tenant()
	require.NoError(t, err)
	schema := pgx.Identifier{name}.Sanitize()
	_, err = pool.Exec(ctx, `CREATE SCHEMA `+schema)
	require.NoError(t, err)
	_, err = pool.Exec(ctx, `SELECT run_script($1)`, template.For(schema, pgx.Identifier{pool.Config().ConnConfig.User}.Sanitize()))
	require.NoError(t, err)
	_, err = pool.Exec(ctx, `INSERT INTO `+schema+`.roles (name, description) VALUES ('admin', '')`)
	require.NoError(t, err)
	_, err = pool.Exec(ctx, `INSERT INTO `+schema+`.users (id, email, first_name, last_name, role)
		SELECT $1, admin_email, admin_first_name, admin_last_name, 'admin' FROM tenants WHERE id = $2`, id.AdministratorID(), string(id))
	require.NoError(t, err)
	return schema + ".users"
}
