package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/starter/output"
)

// TestImportReportsEachRow: a dry run changes nothing, and what is handed in is not
// handed in again.
func TestImportReportsEachRow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.run("import", "--from", "legacy")
	require.Equal(t, exitUsage, r.code, r.errors)
	require.Contains(t, r.errors, "--from there is no table legacy.tenants")

	require.NoError(t, postgrestest.Legacy(t.Context(), b.pool, "legacy"))
	var d output.Import
	b.good(&d, "import", "--from", "legacy")
	require.Empty(t, d.Rows)

	_, err := postgrestest.LegacyTenant(t.Context(), b.pool, "legacy", "Charité", "tenant_charite", "ada@charite.example")
	require.NoError(t, err)
	b.good(&d, "import", "--from", "legacy", "--dry-run")
	require.Equal(t, "READY", d.Rows[0].State)
	require.Empty(t, d.Rows[0].TenantID)
	require.Len(t, d.Rows[0].Changes, 5)

	b.good(&d, "import", "--from", "legacy", "--wait=false")
	require.Equal(t, "PENDING", d.Rows[0].State)
	first := d.Rows[0]
	b.good(&d, "import", "--from", "legacy", "--wait=false")
	require.Equal(t, first.OperationID, d.Rows[0].OperationID)
	require.Equal(t, first.TenantID, d.Rows[0].TenantID)
	require.Equal(t, "import accepted", b.text(`SELECT string_agg(action || ' ' || outcome, ', ') FROM audit_log`))
	require.Equal(t, "tenant_charite", b.text(`SELECT schema_name FROM tenants`))
	b.exec(`UPDATE operations SET state = 'SUCCEEDED', pivot_passed = true, finished_at = now()`)
	b.exec(`UPDATE tenants SET status = 'ACTIVE', activated_at = now()`)
	b.good(&d, "import", "--from", "legacy")
	require.Equal(t, "IMPORTED", d.Rows[0].State)

	_, err = postgrestest.LegacyRow(t.Context(), b.pool, "legacy", "Gone", "tenant_gone", "ada@gone.example")
	require.NoError(t, err)
	for _, more := range []string{"--dry-run", "--wait"} {
		r = b.run("import", "--from", "legacy", more)
		require.Equal(t, exitAttention, r.code, r.errors)
		require.Contains(t, r.out, "the schema tenant_gone is not there")
		require.Contains(t, r.errors, "1 of 2 rows")
	}
	r = b.run("import", "--from", "legacy", "--column", "surname=x")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.errors, `--column knows no "surname"`)
}

// text is what a query answers.
func (b *bundle) text(sql string) (answer string) {
	b.t.Helper()
	require.NoError(b.t, b.pool.QueryRow(b.t.Context(), sql).Scan(&answer))
	return answer
}
