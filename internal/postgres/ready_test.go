package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAProgramTellsThatTheDatabaseIsAhead, and goes on: a bad deployment is ended
// by going back to the version before.
func TestAProgramTellsThatTheDatabaseIsAhead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.health.Ready(b.ctx))
	require.Empty(t, b.health.Note())
	b.mustExec(t, `INSERT INTO goose_db_version (version_id, is_applied) SELECT max(version_id) + 1, true FROM goose_db_version`)
	require.NoError(t, b.health.Ready(b.ctx))
	require.Contains(t, b.health.Note(), "A newer version has migrated the database")
	b.mustExec(t, `DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)`)
	require.NoError(t, b.health.Ready(b.ctx))
	require.Empty(t, b.health.Note())
}
