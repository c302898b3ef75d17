package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/backup/bucket"
)

// backedUp are settings of an installation that keeps backups at url, where the same
// worker makes and opens them.
func backedUp(t testing.TB, url string) map[string]string {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	seed := make([]byte, 32)
	rand.Read(seed)
	return map[string]string{
		"BACKUP_URL": url, "BACKUP_RECIPIENTS": identity.Recipient().String(), "BACKUP_IDENTITY": identity.String(),
		"BACKUP_SIGNING_KEY": base64.StdEncoding.EncodeToString(seed),
	}
}

// backupRow is what starter backup list says of one.
type backupRow struct {
	ID     string `json:"id"`
	Tenant string `json:"tenantId"`
	State  string `json:"state"`
	Rows   int    `json:"rows"`
}

// backups are those in a state, by starter.
func (i *installation) backups(state backup.State) (found []backupRow) {
	i.t.Helper()
	var list struct{ Items []backupRow }
	require.NoError(i.t, json.Unmarshal([]byte(i.output("backup", "list", "--output", "json")), &list))
	return slices.DeleteFunc(list.Items, func(b backupRow) bool { return b.State != string(state) })
}

// notes makes a table of a tenant's own, with as many rows.
func (i *installation) notes(schema string, rows int) {
	i.t.Helper()
	quoted := pgx.Identifier{schema, "notes"}.Sanitize()
	i.execute(fmt.Sprintf(`CREATE TABLE %s (id bigint PRIMARY KEY, text text); INSERT INTO %[1]s SELECT n, repeat(md5(n::text), 8) FROM generate_series(1, %d) n`, quoted, rows))
}

// TestRunbookOfABackupThatFailed: one tenant that cannot be backed up is reported, and the others are backed up: made,
// listed and verified by the command line, and by the runbook when the cause is gone.
func TestRunbookOfABackupThatFailed(t *testing.T) {
	t.Parallel()
	i := install(t, backedUp(t, "file://"+t.TempDir()))
	i.start()
	var tenants []tenant
	for n := range 3 {
		x := i.becomesActive(i.create(fmt.Sprintf("Hospital %d", n)))
		i.notes(x.SchemaName, 100+n)
		tenants = append(tenants, x)
	}
	held := tenants[1]
	lock, err := i.db.Begin(t.Context())
	require.NoError(t, err)
	_, err = lock.Exec(t.Context(), `SET LOCAL idle_in_transaction_session_timeout = 0`) // it is held for as long as the run takes
	require.NoError(t, err)
	_, err = lock.Exec(t.Context(), `LOCK TABLE `+pgx.Identifier{held.SchemaName, "notes"}.Sanitize()+` IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)

	p := i.starter("backup", "--wait", "--reason", "ticket 7")
	require.Equal(t, 3, p.wait(), "%s%s", p.stdout.String(), p.stderr.String())
	require.Contains(t, p.stdout.String(), held.ID)
	require.Contains(t, p.stdout.String(), "somebody holds a lock on one of its tables")
	good := i.backups(backup.Good)
	require.Len(t, good, 3, "two tenants and the control tables")
	require.Empty(t, good[0].Tenant, "the control tables come last")
	for _, b := range good {
		require.NotEqual(t, held.ID, b.Tenant)
		require.Contains(t, i.output("backup", "verify", b.ID), b.ID)
	}

	require.Contains(t, i.metrics(), "\nbackup_last_run_tenants{result=\"failed\"} 1\n")
	scripts := way(t, "backup-failed.md", false)
	require.Len(t, scripts, 4)
	i.goes(operation{}, scripts[:2]) // while it is held
	require.NoError(t, lock.Rollback(t.Context()))
	i.goes(operation{}, scripts[2:])
	good = i.backups(backup.Good)
	require.Len(t, good, 4)
	require.Equal(t, held.ID, good[0].Tenant)
	require.Greater(t, good[0].Rows, 100)
	require.Contains(t, i.output("backup", "verify", good[0].ID), good[0].ID)
}

// intact requires that what counts as a backup is one and that nothing else in the store
// could be taken for one.
func (i *installation) intact() {
	t := i.t
	t.Helper()
	operator, err := age.ParseX25519Identity(i.env["BACKUP_IDENTITY"])
	require.NoError(t, err)
	signing, err := backup.ParseSigningKey(i.env["BACKUP_SIGNING_KEY"])
	require.NoError(t, err)
	store, err := bucket.Open(t.Context(), bucket.Config{
		URL: i.env["BACKUP_URL"], AccessKey: i.env["BACKUP_ACCESS_KEY"], SecretKey: i.env["BACKUP_SECRET_KEY"], Keyring: backup.Keyring{Signing: signing},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	installation := value[string](i, `SELECT id::text FROM installation`)
	var stored, good []string
	for ref, err := range store.List(t.Context(), installation, "") {
		require.NoError(t, err)
		stored = append(stored, string(ref.ID))
		identities := []age.Identity{operator}
		if ref.Tenant != "" {
			key, err := store.Key(t.Context(), installation, ref.Tenant)
			require.NoError(t, err)
			identities, err = key.Open(identities)
			require.NoError(t, err)
		}
		_, err = store.Verify(t.Context(), ref, identities)
		require.NoError(t, err, ref)
	}
	for _, b := range i.backups(backup.Good) {
		good = append(good, b.ID)
	}
	require.ElementsMatch(t, good, stored)
}
