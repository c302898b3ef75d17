package backup_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tenant-provisioning/internal/backup"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := b.identities(t)
	rapid.Check(t, func(rt *rapid.T) {
		row := rapid.SliceOfN(rapid.ByteRange('\n'+1, 255), 0, 200)
		var tables []table
		for i := range rapid.IntRange(0, 5).Draw(rt, "tables") {
			tables = append(tables, table{fmt.Sprintf("t%d", i), rapid.SliceOfN(row, 0, 50).Draw(rt, "rows")})
		}
		ref := b.ref(t)
		b.write(t, ref, tables)
		m, err := b.store.Verify(t.Context(), ref, ids)
		require.NoError(rt, err)
		require.Equal(rt, ref, m.Ref())
		got, err := b.read(t, m, ids)
		require.NoError(rt, err)
		require.Len(rt, got, len(tables))
		for i, tb := range tables {
			require.Equal(rt, tb.text(), append([]byte(nil), got[tb.name]...), "table %d", i)
			require.EqualValues(rt, len(tb.rows), m.Tables[i].Rows)
		}
	})
}

// Rows in another order are the same rows; a row more, less, twice or changed is not.
func TestRowsAreComparedWhateverTheirOrder(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rows := [][]byte{[]byte("1\ta"), []byte("2\tb"), []byte("2\tb"), []byte("3\t")}
	m := b.write(t, b.ref(t), []table{{"t", rows}})
	equal := func(rows ...[]byte) bool {
		sum := backup.NewSumRows()
		text := table{rows: rows}.text()
		for len(text) > 0 { // however the stream is cut
			n := min(len(text), 1+mathrand.IntN(3))
			_, err := sum.Write(text[:n])
			require.NoError(t, err)
			text = text[n:]
		}
		return sum.Equal(m.Tables[0])
	}
	require.True(t, equal(rows...))
	require.True(t, equal(rows[3], rows[1], rows[0], rows[2]))
	require.False(t, equal(rows[:3]...))
	require.False(t, equal(rows[0], rows[1], rows[3], rows[3]))
	require.False(t, equal(rows[0], rows[1], rows[2], []byte("3\tx")))
	require.False(t, equal(rows[0], rows[1], []byte("2\t"), []byte("3\tb")), "as many bytes")
}

// One byte of either file, anywhere, is enough.
func TestAFlippedByteIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ref := b.ref(t)
	b.write(t, ref, sample)
	ids := b.identities(t)
	for _, name := range []string{"archive", "manifest.json"} {
		file := b.path(ref, name)
		whole, err := os.ReadFile(file)
		require.NoError(t, err)
		for i := range whole {
			for _, flip := range []byte{1, 0x20, 0x80} { // 0x20 changes a letter's case
				broken := bytes.Clone(whole)
				broken[i] ^= flip
				require.NoError(t, os.WriteFile(file, broken, 0o600))
				_, err := b.store.Verify(t.Context(), ref, ids)
				require.True(t, errors.Is(err, backup.ErrAltered) || errors.Is(err, backup.ErrUnknownSigner), "byte %d of %s: %v", i, name, err)
				require.True(t, backup.Refused(err))
				if name == "archive" {
					m, err := b.store.Manifest(t.Context(), ref)
					require.NoError(t, err)
					_, err = b.read(t, m, ids)
					require.ErrorIs(t, err, backup.ErrAltered)
				}
			}
		}
		require.NoError(t, os.WriteFile(file, whole, 0o600))
	}
	_, err := b.store.Verify(t.Context(), ref, ids)
	require.NoError(t, err)
}

func TestATruncatedArchiveIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ref := b.ref(t)
	m := b.write(t, ref, sample)
	file := b.path(ref, "archive")
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	for n := range whole {
		require.NoError(t, os.WriteFile(file, whole[:n], 0o600))
		_, err := b.store.Verify(t.Context(), ref, b.identities(t))
		require.ErrorIs(t, err, backup.ErrTruncated, "%d bytes of %d", n, m.Archive.Bytes)
	}
	require.NoError(t, os.WriteFile(file, append(bytes.Clone(whole), 0), 0o600))
	_, err = b.store.Verify(t.Context(), ref, b.identities(t))
	require.ErrorIs(t, err, backup.ErrAltered, "a byte more")
	require.NoError(t, os.Remove(file))
	_, err = b.store.Verify(t.Context(), ref, b.identities(t))
	require.ErrorIs(t, err, backup.ErrNoArchive)
}

func TestWhatIsNotOursIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ref := b.ref(t)
	b.write(t, ref, sample)
	verify := func(store *backup.Store, ref backup.Ref) error {
		_, err := store.Verify(t.Context(), ref, b.identities(t))
		require.Equal(t, err != nil, backup.Refused(err))
		return err
	}
	copied := func(to backup.Ref) backup.Ref {
		require.NoError(t, os.CopyFS(filepath.Dir(b.path(to, "x")), os.DirFS(filepath.Dir(b.path(ref, "x")))))
		return to
	}
	other := ref
	other.Tenant = newTenant(t)
	require.ErrorIs(t, verify(b.store, copied(other)), backup.ErrOtherTenant)
	require.ErrorIs(t, verify(b.store, copied(b.ref(t))), backup.ErrOtherTenant, "an old backup in the place of a newer one")
	elsewhere := ref
	elsewhere.Installation = "00000000-0000-4000-8000-000000000000"
	require.ErrorIs(t, verify(b.store, elsewhere), backup.ErrOtherInstallation)

	public, stranger, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	require.ErrorIs(t, verify(b.open(t, backup.Keyring{Signing: stranger}), ref), backup.ErrUnknownSigner)
	require.NoError(t, verify(b.open(t, backup.Keyring{Trusted: []ed25519.PublicKey{public, b.ring.Signing.Public().(ed25519.PublicKey)}}), ref))

	_, err = b.store.Verify(t.Context(), b.ref(t), nil)
	require.ErrorIs(t, err, backup.ErrNoManifest)

	another := setup(t)
	_, err = b.store.Verify(t.Context(), ref, another.identities(t))
	require.ErrorIs(t, err, backup.ErrWrongKey)
	_, err = b.key.Open([]age.Identity{another.operator})
	require.ErrorIs(t, err, backup.ErrWrongKey)
}

// A manifest of the next format is signed as ours are, and may have any other field.
func TestANewerFormatIsRefusedByName(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ref := b.ref(t)
	b.write(t, ref, sample)
	const kind = "application/vnd.tenant-provisioning.backup+json"
	payload := []byte(`{"format": 2, "tables": "elsewhere"}`)
	var e map[string]any
	data, err := os.ReadFile(b.path(ref, "manifest.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &e))
	sig := ed25519.Sign(b.ring.Signing, fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(kind), kind, len(payload), payload))
	keyID := e["signatures"].([]any)[0].(map[string]any)["keyid"]
	data = fmt.Appendf(nil, `{"payload":%q,"payloadType":%q,"signatures":[{"keyid":%q,"sig":%q}]}`,
		base64.StdEncoding.EncodeToString(payload), kind, keyID, base64.StdEncoding.EncodeToString(sig))
	require.NoError(t, os.WriteFile(b.path(ref, "manifest.json"), data, 0o600))
	_, err = b.store.Verify(t.Context(), ref, b.identities(t))
	require.ErrorIs(t, err, backup.ErrNewerFormat)
}

var errMidway = errors.New("the database went away")

// TestAReaderIsStoppedWhileItIsRead, as by a COPY whose connection is lost: whoever reads
// on is told so.
func TestAReaderIsStoppedWhileItIsRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.write(t, b.ref(t), sample[2:])
	for n := range 200 {
		r, err := b.store.Open(t.Context(), m, b.identities(t))
		require.NoError(t, err)
		require.True(t, r.Next())
		reading, read := make(chan struct{}), make(chan error, 1)
		go func() {
			for once := sync.OnceFunc(func() { close(reading) }); ; once() {
				if _, err := r.Read(make([]byte, 1+n%7)); err != nil && !errors.Is(err, io.EOF) {
					read <- err
					return
				}
			}
		}()
		<-reading
		require.NoError(t, r.Stop())
		require.ErrorIs(t, <-read, os.ErrClosed)
	}
}

// A writer that fails, and one whose context ends, leave nothing that counts.
func TestAHalfWrittenBackupIsNone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	recipients, err := b.key.Recipients()
	require.NoError(t, err)
	for name, stop := range map[string]func(cancel func()) error{
		"fails":  func(func()) error { return errMidway },
		"killed": func(cancel func()) error { cancel(); return nil },
	} {
		ref := b.ref(t)
		ctx, cancel := context.WithCancel(t.Context())
		_, err := b.store.Write(ctx, ref, recipients, func(w *backup.ArchiveWriter) (backup.Manifest, error) {
			m, err := fill(sample)(w)
			return m, errors.Join(err, stop(cancel))
		})
		require.Error(t, err, name)
		_, err = b.store.Manifest(t.Context(), ref)
		require.ErrorIs(t, err, backup.ErrNoManifest, name)
		require.NoFileExists(t, b.path(ref, "archive"), name)
		require.NoError(t, b.store.Delete(t.Context(), ref))
	}
	require.Empty(t, b.listed(t))
}

func (b testBundle) listed(t testing.TB) (refs []backup.Ref) {
	t.Helper()
	for ref, err := range b.store.List(t.Context(), installation, backup.ListTenants) {
		require.NoError(t, err)
		refs = append(refs, ref)
	}
	return refs
}

func TestDeleteTenantLeavesNothingOfIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.store.PutKey(t.Context(), b.key))
	first, second := b.ref(t), b.ref(t)
	b.write(t, first, sample)
	b.write(t, second, sample)
	require.Equal(t, []backup.Ref{first, second}, b.listed(t))
	require.NoError(t, os.WriteFile(b.path(first, "archive.tmp"), []byte("of a killed writer"), 0o600))
	require.NoError(t, b.store.Delete(t.Context(), first))
	require.Equal(t, []backup.Ref{second}, b.listed(t))

	back, err := b.store.Key(t.Context(), installation, b.key.Tenant)
	require.NoError(t, err)
	require.Equal(t, b.key, back)
	n, err := b.store.DeleteTenant(t.Context(), b.key.Tenant)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	_, err = b.store.Key(t.Context(), installation, b.key.Tenant)
	require.ErrorIs(t, err, backup.ErrNoKey)
	require.NoError(t, filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
		require.True(t, err == nil && d.IsDir(), path)
		return err
	}))
	n, err = b.store.DeleteTenant(t.Context(), b.key.Tenant)
	require.NoError(t, err)
	require.Zero(t, n)
}

// A key that somebody has put in the place of a tenant's would have the next archives
// encrypted to that person.
func TestAKeyOfAnotherIsRefused(t *testing.T) {
	t.Parallel()
	b, stranger := setup(t), setup(t)
	stranger.key.Tenant = b.key.Tenant
	require.NoError(t, stranger.store.PutKey(t.Context(), stranger.key))
	require.NoError(t, os.CopyFS(b.dir, os.DirFS(stranger.dir)))
	_, err := b.store.Key(t.Context(), installation, b.key.Tenant)
	require.ErrorIs(t, err, backup.ErrUnknownSigner)
}

// A table of any size passes through a few megabytes.
func TestMemoryIsBounded(t *testing.T) {
	b := setup(t)
	recipients, err := b.key.Recipients()
	require.NoError(t, err)
	const size, chunk = 128_000_000, 1_000_000
	rows := make([]byte, chunk)
	for i := range rows {
		rows[i] = "0123456789abcdef"[mathrand.IntN(16)]
		if i%100 == 99 {
			rows[i] = '\n'
		}
	}
	var peak uint64
	watch := func() {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapInuse)
	}
	ref := b.ref(t)
	m, err := b.store.Write(t.Context(), ref, recipients, func(w *backup.ArchiveWriter) (backup.Manifest, error) {
		w.Table(backup.Table{Name: "big"})
		for range size / chunk {
			if _, err := w.Write(rows); err != nil {
				return backup.Manifest{}, err
			}
			watch()
		}
		return backup.Manifest{}, nil
	})
	require.NoError(t, err)
	require.EqualValues(t, size, m.Tables[0].Bytes)
	r, err := b.store.Open(t.Context(), m, b.identities(t))
	require.NoError(t, err)
	require.True(t, r.Next())
	buf := make([]byte, chunk)
	for {
		_, err := io.ReadFull(r, buf)
		watch()
		if err != nil {
			require.ErrorIs(t, err, io.EOF)
			break
		}
	}
	require.NoError(t, r.Close())
	require.Less(t, peak, uint64(48<<20))
}
