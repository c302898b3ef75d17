package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"strings"

	"filippo.io/age"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"tenant-provisioning/internal/tenant"
)

const (
	archiveName  = "archive"
	manifestName = "manifest.json"
)

// part is what an upload to S3 holds in memory, twice. S3 takes at most 10,000 parts,
// so that an archive has at most 160 GB.
const (
	part  = 16 << 20
	parts = 2
)

// maxDocument bounds what is read of a manifest or key: some 100,000 columns.
const maxDocument = 64 << 20

// Store holds backups.
type Store struct {
	bucket *blob.Bucket
	settle func(key string) error
	ring   Keyring
}

// NewStore keeps backups in a bucket, which it closes. settle makes sure that an object
// outlives a crash of its machine; nil where the store does so itself.
func NewStore(b *blob.Bucket, settle func(key string) error, ring Keyring) *Store {
	return &Store{b, settle, ring}
}

// Close gives back what it holds.
func (s *Store) Close() error { return s.bucket.Close() }

func keyOfTenant(t tenant.ID) string { return "keys/" + string(t) }

// dir is where a backup's objects are.
func (r Ref) dir() string {
	if r.Tenant == "" {
		return "control/" + string(r.ID)
	}
	return "tenants/" + string(r.Tenant) + "/" + string(r.ID)
}

// Write makes a backup: fill writes the tables, and returns what is known of where
// they come from. When it returns no error, the backup was read back and is equal, and
// its manifest is there. On an error nothing counts; what is left of the archive
// is removed by Delete.
func (s *Store) Write(ctx context.Context, ref Ref, recipients []age.Recipient, fill func(*ArchiveWriter) (Manifest, error)) (Manifest, error) {
	var m Manifest
	key := path.Join(ref.dir(), archiveName)
	err := s.put(ctx, key, func(w io.Writer) error {
		archive, err := newArchiveWriter(w, recipients)
		if err != nil {
			return err
		}
		if m, err = fill(archive); err != nil {
			return err
		}
		m.Tables, m.Archive, err = archive.close()
		return err
	})
	if err != nil {
		return Manifest{}, err
	}
	if err := s.readBack(ctx, key, m.Archive); err != nil {
		return Manifest{}, err
	}
	m.Format, m.ID, m.Installation, m.Tenant = Format, ref.ID, ref.Installation, ref.Tenant
	data, err := s.ring.seal(manifestType, m)
	if err != nil {
		return Manifest{}, err
	}
	return m, s.putDocument(ctx, path.Join(ref.dir(), manifestName), data)
}

// put writes an object. It appears whole, or not at all.
func (s *Store) put(ctx context.Context, key string, fill func(io.Writer) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := s.bucket.NewWriter(ctx, key, &blob.WriterOptions{BufferSize: part, MaxConcurrency: parts, ContentType: "application/octet-stream"})
	if err != nil {
		return storeError(err, "write %s to the backup store", key)
	}
	if err := fill(w); err != nil {
		cancel() // Close would make an object of what was written so far
		_ = w.Close()
		return err
	}
	if err := w.Close(); err != nil {
		return storeError(err, "write %s to the backup store", key)
	}
	if s.settle == nil {
		return nil
	}
	if err := s.settle(key); err != nil {
		return storeError(err, "write %s to the backup store", key)
	}
	return nil
}

// readBack compares what the store gives with what was sent to it.
func (s *Store) readBack(ctx context.Context, key string, sent Archive) error {
	r, err := s.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return storeError(err, "read %s back from the backup store", key)
	}
	defer func() { _ = r.Close() }()
	got := newSummed(io.Discard)
	if _, err := io.Copy(got, r); err != nil {
		return storeError(err, "read %s back from the backup store", key)
	}
	if got.archive() != sent {
		return storeError(ErrNotEqual, "read %s back from the backup store", key)
	}
	return nil
}

// putDocument writes a small object, and reads it back.
func (s *Store) putDocument(ctx context.Context, key string, data []byte) error {
	if err := s.put(ctx, key, func(w io.Writer) error { _, err := w.Write(data); return err }); err != nil {
		return err
	}
	back, err := s.document(ctx, key)
	if err != nil {
		return err
	}
	if !bytes.Equal(back, data) {
		return storeError(ErrNotEqual, "read %s back from the backup store", key)
	}
	return nil
}

func (s *Store) document(ctx context.Context, key string) ([]byte, error) {
	r, err := s.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return nil, storeError(err, "read %s from the backup store", key)
	}
	defer func() { _ = r.Close() }()
	data, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err != nil {
		return nil, storeError(err, "read %s from the backup store", key)
	}
	if len(data) > maxDocument {
		return nil, fmt.Errorf("read %s from the backup store: %w: it has more than %d bytes", key, ErrAltered, maxDocument)
	}
	return data, nil
}

func absent(err error) bool { return gcerrors.Code(err) == gcerrors.NotFound }

// Manifest reads what a backup holds. It is believed only if it is signed by a key
// that counts and is the one of ref.
func (s *Store) Manifest(ctx context.Context, ref Ref) (Manifest, error) {
	data, err := s.document(ctx, path.Join(ref.dir(), manifestName))
	if absent(err) {
		return Manifest{}, ErrNoManifest
	}
	if err != nil {
		return Manifest{}, err
	}
	return readManifest(s.ring, ref, data)
}

// Open reads a backup's tables by the key that opens them: Key.Open's of a tenant's,
// BACKUP_IDENTITY of the control tables'. What is wrong with the archive the
// reader's Close tells, but for its length.
func (s *Store) Open(ctx context.Context, m Manifest, identities []age.Identity) (*Reader, error) {
	key := path.Join(m.Ref().dir(), archiveName)
	r, err := s.bucket.NewReader(ctx, key, nil)
	if absent(err) {
		return nil, ErrNoArchive
	}
	if err != nil {
		return nil, storeError(err, "read %s from the backup store", key)
	}
	if r.Size() < m.Archive.Bytes {
		_ = r.Close()
		return nil, compare(Archive{Bytes: r.Size()}, m.Archive)
	}
	return newReader(m, r, identities), nil
}

// identities are what opens the archives of a tenant, or of the control tables where there
// is none, for whoever has BACKUP_IDENTITY.
func (s *Store) identities(ctx context.Context, installation string, t tenant.ID, operator []age.Identity) ([]age.Identity, error) {
	if t == "" {
		return operator, nil
	}
	key, err := s.Key(ctx, installation, t)
	if err != nil {
		return nil, err
	}
	return key.Open(operator)
}

// OpenAs is Open for whoever has BACKUP_IDENTITY, with the manifest.
func (s *Store) OpenAs(ctx context.Context, ref Ref, operator []age.Identity) (Manifest, *Reader, error) {
	m, err := s.Manifest(ctx, ref)
	if err != nil {
		return Manifest{}, nil, err
	}
	identities, err := s.identities(ctx, ref.Installation, ref.Tenant, operator)
	if err != nil {
		return Manifest{}, nil, err
	}
	r, err := s.Open(ctx, m, identities)
	return m, r, err
}

// Verify reads a backup whole and returns what it holds, or why it is refused.
func (s *Store) Verify(ctx context.Context, ref Ref, identities []age.Identity) (Manifest, error) {
	m, err := s.Manifest(ctx, ref)
	if err != nil {
		return Manifest{}, err
	}
	r, err := s.Open(ctx, m, identities)
	if err != nil {
		return Manifest{}, err
	}
	return m, r.Close()
}

// Delete removes a backup, its manifest first: what is left of it is no backup. So
// does what a killed writer left. What is gone already is no error.
func (s *Store) Delete(ctx context.Context, ref Ref) error {
	if err := s.remove(ctx, path.Join(ref.dir(), manifestName)); err != nil {
		return err
	}
	for key, err := range s.keys(ctx, ref.dir()+"/") {
		if err != nil {
			return err
		}
		if err := s.remove(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// DeleteTenant removes every backup of a tenant and its key, and tells how many
// backups there were, complete or not. The key goes first: without it no copy of an
// archive can be read.
func (s *Store) DeleteTenant(ctx context.Context, t tenant.ID) (int, error) {
	if err := s.remove(ctx, keyOfTenant(t)); err != nil {
		return 0, err
	}
	gone := map[string]bool{}
	for key, err := range s.keys(ctx, "tenants/"+string(t)+"/") {
		if err != nil {
			return len(gone), err
		}
		if err := s.remove(ctx, key); err != nil {
			return len(gone), err
		}
		gone[path.Dir(key)] = true
	}
	return len(gone), nil
}

func (s *Store) remove(ctx context.Context, key string) error {
	if err := s.bucket.Delete(ctx, key); err != nil && !absent(err) {
		return storeError(err, "delete %s from the backup store", key)
	}
	return nil
}

func (s *Store) keys(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for list := s.bucket.List(&blob.ListOptions{Prefix: prefix}); ; {
			object, err := list.Next(ctx)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield("", storeError(err, "list the backup store"))
				return
			}
			if !yield(object.Key, nil) {
				return
			}
		}
	}
}

// List gives the backups that have a manifest, of one tenant, of the control tables
// (ListControl) or of all (empty), without reading them. What else lies in the store is
// passed over.
func (s *Store) List(ctx context.Context, installation, under string) iter.Seq2[Ref, error] {
	return func(yield func(Ref, error) bool) {
		for key, err := range s.keys(ctx, under) {
			if err != nil {
				yield(Ref{}, err)
				return
			}
			if ref, ok := parseRef(installation, key); ok && !yield(ref, nil) {
				return
			}
		}
	}
}

// What List may be asked for.
const (
	ListControl = "control/"
	ListTenants = "tenants/"
)

func parseRef(installation, key string) (Ref, bool) {
	dir, found := strings.CutSuffix(key, "/"+manifestName)
	if !found {
		return Ref{}, false
	}
	parent, last := path.Split(dir)
	id, err := ParseID(last)
	if err != nil {
		return Ref{}, false
	}
	if parent == ListControl {
		return Ref{id, installation, ""}, true
	}
	of, found := strings.CutPrefix(strings.TrimSuffix(parent, "/"), ListTenants)
	t, err := tenant.ParseID(of)
	if !found || err != nil {
		return Ref{}, false
	}
	return Ref{id, installation, t}, true
}

// PutKey keeps a tenant's key in the store.
func (s *Store) PutKey(ctx context.Context, k Key) error {
	data, err := k.marshal(s.ring)
	if err != nil {
		return err
	}
	return s.putDocument(ctx, keyOfTenant(k.Tenant), data)
}

// Key reads a tenant's key.
func (s *Store) Key(ctx context.Context, installation string, t tenant.ID) (Key, error) {
	data, err := s.document(ctx, keyOfTenant(t))
	if absent(err) {
		return Key{}, ErrNoKey
	}
	if err != nil {
		return Key{}, err
	}
	return readKey(s.ring, installation, t, data)
}
