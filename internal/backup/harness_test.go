package backup_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/backup/bucket"
	"tenant-provisioning/internal/tenant"
)

const installation = "5f7f7c52-6a39-4f0e-9d6e-0f3f1b2a7d11"

type testBundle struct {
	dir      string
	store    *backup.Store
	ring     backup.Keyring
	operator *age.X25519Identity // whose public half is BACKUP_RECIPIENTS
	key      backup.Key
}

func setup(t testing.TB) testBundle {
	t.Helper()
	_, signing, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	operator, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	b := testBundle{dir: t.TempDir(), ring: backup.Keyring{Signing: signing}, operator: operator}
	b.store = b.open(t, b.ring)
	b.key, err = backup.NewKey(installation, newTenant(t), []age.Recipient{operator.Recipient()})
	require.NoError(t, err)
	return b
}

func (b testBundle) open(t testing.TB, ring backup.Keyring) *backup.Store {
	t.Helper()
	store, err := bucket.Open(t.Context(), bucket.Config{URL: "file://" + b.dir, Keyring: ring})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

func newTenant(t testing.TB) tenant.ID {
	t.Helper()
	id, err := tenant.NewID()
	require.NoError(t, err)
	return id
}

func (b testBundle) ref(t testing.TB) backup.Ref {
	t.Helper()
	id, err := backup.NewID()
	require.NoError(t, err)
	return backup.Ref{ID: id, Installation: installation, Tenant: b.key.Tenant}
}

// identities open the tenant's archives.
func (b testBundle) identities(t testing.TB) []age.Identity {
	t.Helper()
	ids, err := b.key.Open([]age.Identity{b.operator})
	require.NoError(t, err)
	return ids
}

type table struct {
	name string
	rows [][]byte // without their line breaks
}

func (tb table) text() []byte {
	var all bytes.Buffer
	for _, r := range tb.rows {
		all.Write(append(r, '\n'))
	}
	return all.Bytes()
}

var sample = []table{
	{"users", [][]byte{[]byte("1\tAda\t\\N"), []byte(`2	Grüße 👋	\\x00ff`), []byte("")}},
	{"empty", nil},
	{"notes", [][]byte{bytes.Repeat([]byte("lorem ipsum "), 9000)}},
}

// write makes a backup of tables.
func (b testBundle) write(t testing.TB, ref backup.Ref, tables []table) backup.Manifest {
	t.Helper()
	recipients, err := b.key.Recipients()
	require.NoError(t, err)
	m, err := b.store.Write(t.Context(), ref, recipients, fill(tables))
	require.NoError(t, err)
	return m
}

func fill(tables []table) func(*backup.ArchiveWriter) (backup.Manifest, error) {
	return func(w *backup.ArchiveWriter) (backup.Manifest, error) {
		for _, tb := range tables {
			w.Table(backup.Table{Name: tb.name, Columns: []string{"id", "a", "b"}})
			if _, err := io.Copy(w, bytes.NewReader(tb.text())); err != nil {
				return backup.Manifest{}, err
			}
		}
		return backup.Manifest{
			TakenAt: time.Date(2026, 11, 30, 2, 0, 0, 0, time.UTC), Source: backup.Source{Schema: "t_a_12345678", Version: 1, Generation: 1, Server: 150018},
			Sequences: []backup.Sequence{{Name: "users_id_seq", Last: 2, Called: true}},
		}, nil
	}
}

// read gives every table's rows.
func (b testBundle) read(t testing.TB, m backup.Manifest, ids []age.Identity) (map[string][]byte, error) {
	t.Helper()
	r, err := b.store.Open(t.Context(), m, ids)
	if err != nil {
		return nil, err
	}
	got := map[string][]byte{}
	for r.Next() {
		text, err := io.ReadAll(r)
		if err != nil {
			break
		}
		got[r.Table().Name] = text
	}
	return got, r.Close()
}

func (b testBundle) path(ref backup.Ref, name string) string {
	return fmt.Sprintf("%s/tenants/%s/%s/%s", b.dir, ref.Tenant, ref.ID, name)
}
