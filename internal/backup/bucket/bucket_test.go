package bucket_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/backup/bucket"
	"tenant-provisioning/internal/backup/bucket/buckettest"
	"tenant-provisioning/internal/tenant"
)

// parallel is how many tests run at a time: they wait for repeated requests more than
// they compute.
const parallel = "8"

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", parallel); err != nil { // -parallel overrides it
		panic(err)
	}
	os.Exit(m.Run())
}

const installation = "5f7f7c52-6a39-4f0e-9d6e-0f3f1b2a7d11"

// owner makes backups of one tenant.
type owner struct {
	config   bucket.Config
	operator *age.X25519Identity
	key      backup.Key
}

func newOwner(t testing.TB, url string) owner {
	t.Helper()
	_, signing, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	operator, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	id, err := tenant.NewID()
	require.NoError(t, err)
	key, err := backup.NewKey(installation, id, []age.Recipient{operator.Recipient()})
	require.NoError(t, err)
	return owner{
		config:   bucket.Config{URL: url, AccessKey: buckettest.AccessKey, SecretKey: buckettest.SecretKey, Keyring: backup.Keyring{Signing: signing}},
		operator: operator, key: key,
	}
}

func (o owner) open(t testing.TB) *backup.Store {
	t.Helper()
	store, err := bucket.Open(t.Context(), o.config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

func (o owner) ref(t testing.TB) backup.Ref {
	t.Helper()
	id, err := backup.NewID()
	require.NoError(t, err)
	return backup.Ref{ID: id, Installation: installation, Tenant: o.key.Tenant}
}

// write makes a backup with a table of about size bytes, which compression does not make
// smaller.
func (o owner) write(ctx context.Context, t testing.TB, store *backup.Store, ref backup.Ref, size int) (backup.Manifest, error) {
	t.Helper()
	recipients, err := o.key.Recipients()
	require.NoError(t, err)
	return store.Write(ctx, ref, recipients, func(w *backup.ArchiveWriter) (backup.Manifest, error) {
		w.Table(backup.Table{Name: "notes", Columns: []string{"id"}})
		row := make([]byte, 32<<10)
		for range size / len(row) {
			rand.Read(row)
			for i := range row {
				if row[i] == '\n' {
					row[i] = 0
				}
			}
			row[len(row)-1] = '\n'
			if _, err := w.Write(row); err != nil {
				return backup.Manifest{}, err
			}
		}
		return backup.Manifest{TakenAt: time.Now(), Source: backup.Source{Schema: "t_a_12345678", Version: 1, Generation: 1}}, nil
	})
}

func (o owner) verify(t testing.TB, store *backup.Store, ref backup.Ref) error {
	t.Helper()
	identities, err := o.key.Open([]age.Identity{o.operator})
	require.NoError(t, err)
	_, err = store.Verify(t.Context(), ref, identities)
	return err
}

// multipart is larger than what is sent in one piece.
const multipart = 20 << 20

// TestStores: whatever the store is, backups and keys are written, found, read and removed.
func TestStores(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]func(*testing.T) string{
		"directory": func(t *testing.T) string { return "file://" + t.TempDir() },
		"bucket":    func(t *testing.T) string { return buckettest.Start(t).URL() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOwner(t, url(t))
			store := o.open(t)
			require.NoError(t, store.PutKey(t.Context(), o.key))
			key, err := store.Key(t.Context(), installation, o.key.Tenant)
			require.NoError(t, err)
			require.Equal(t, o.key, key)
			small, large := o.ref(t), o.ref(t)
			_, err = o.write(t.Context(), t, store, small, 64<<10)
			require.NoError(t, err)
			m, err := o.write(t.Context(), t, store, large, multipart)
			require.NoError(t, err)
			require.Greater(t, m.Archive.Bytes, int64(16<<20))
			var found []backup.Ref
			for ref, err := range store.List(t.Context(), installation, backup.ListTenants) {
				require.NoError(t, err)
				require.NoError(t, o.verify(t, store, ref))
				found = append(found, ref)
			}
			require.Equal(t, []backup.Ref{small, large}, found)
			require.NoError(t, store.Delete(t.Context(), small))
			require.ErrorIs(t, o.verify(t, store, small), backup.ErrNoManifest)
			n, err := store.DeleteTenant(t.Context(), o.key.Tenant)
			require.NoError(t, err)
			require.Equal(t, 1, n)
			require.ErrorIs(t, o.verify(t, store, large), backup.ErrNoManifest)
			_, err = store.Key(t.Context(), installation, o.key.Tenant)
			require.ErrorIs(t, err, backup.ErrNoKey)
		})
	}
}

// TestABucketIsKeptApart: a prefix is all that a store sees, and a wrong secret opens
// nothing.
func TestABucketIsKeptApart(t *testing.T) {
	t.Parallel()
	s := buckettest.Start(t)
	o := newOwner(t, s.URL())
	_, err := o.write(t.Context(), t, o.open(t), o.ref(t), 1<<10)
	require.NoError(t, err)
	for _, key := range s.Objects() {
		require.True(t, strings.HasPrefix(key, "first/tenants/"), key)
	}
	second := o
	second.config.URL = strings.Replace(o.config.URL, "/first", "/second", 1)
	for ref, err := range second.open(t).List(t.Context(), installation, "") {
		require.Fail(t, "it is the first's", "%v %v", ref, err)
	}
	thief := o
	thief.config.SecretKey = "a guess"
	_, err = o.write(t.Context(), t, thief.open(t), o.ref(t), 1<<10)
	failed, ok := errors.AsType[*backup.StoreError](err)
	require.True(t, ok, err)
	require.False(t, backup.Refused(err))
	require.Contains(t, failed.Error(), "SignatureDoesNotMatch")
}

// TestFaultsOfABucket lets each request that makes a backup meet each fault: from then on
// where the client repeats or gives up, and alone where it must notice. Whatever comes of it, what counts as a backup can be read whole; where Write says that
// it is one, it is. After the fault all that is left can be deleted.
func TestFaultsOfABucket(t *testing.T) {
	t.Parallel()
	s := buckettest.Start(t)
	probe := s.Proxy()
	probe.Fault(func(string) buckettest.Fault { return buckettest.None })
	o := newOwner(t, probe.URL)
	_, err := o.write(t.Context(), t, o.open(t), o.ref(t), multipart)
	require.NoError(t, err)
	requests := probe.Requests()
	require.Contains(t, requests, "complete archive")
	require.Contains(t, requests, "put manifest.json")
	for fault, once := range map[buckettest.Fault]bool{
		buckettest.Unavailable: false, buckettest.Full: false, buckettest.Cut: false, buckettest.Forgotten: false, buckettest.Slow: false,
		buckettest.CutAnswer: true, buckettest.Lost: true, buckettest.Altered: true, buckettest.Short: true,
	} {
		for n, request := range requests {
			t.Run(fmt.Sprintf("%s at %d %s", fault, n, request), func(t *testing.T) {
				t.Parallel()
				faulty(t, s, fault, n, once)
			})
		}
	}
}

func faulty(t *testing.T, s *buckettest.Server, fault buckettest.Fault, from int, once bool) {
	t.Helper()
	proxy := s.Proxy()
	o := newOwner(t, proxy.URL)
	store, ref := o.open(t), o.ref(t)
	count := 0
	proxy.Fault(func(string) buckettest.Fault {
		if count++; count == from+1 || count > from && !once {
			return fault
		}
		return buckettest.None
	})
	_, err := o.write(t.Context(), t, store, ref, multipart)
	proxy.Fault(nil)
	verified := o.verify(t, store, ref)
	if err == nil {
		require.NoError(t, verified)
	} else if _, ok := errors.AsType[*backup.StoreError](err); !ok {
		require.True(t, backup.Refused(err), err)
	}
	if verified != nil {
		require.ErrorIs(t, verified, backup.ErrNoManifest, "half of a backup has a manifest")
	}
	if fault == buckettest.Slow {
		require.NoError(t, err)
		return
	}
	require.NoError(t, store.Delete(t.Context(), ref))
	left, err := s.Client().ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{
		Bucket: aws.String(buckettest.Bucket), Prefix: aws.String("first/tenants/" + string(ref.Tenant)),
	})
	require.NoError(t, err)
	require.Empty(t, left.Contents)
}

// TestAKilledStore takes the whole of a backup, or nothing of it.
func TestAKilledStore(t *testing.T) {
	t.Parallel()
	s := buckettest.Start(t)
	proxy := s.Proxy()
	o := newOwner(t, proxy.URL)
	store := o.open(t)
	for _, at := range []string{"part archive", "complete archive", "put manifest.json"} {
		ref, killed := o.ref(t), false
		proxy.Fault(func(request string) buckettest.Fault {
			if !killed && request == at {
				killed = true
				s.Kill()
			}
			return buckettest.None
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		_, err := o.write(ctx, t, store, ref, multipart)
		cancel()
		require.True(t, killed, at)
		proxy.Fault(nil)
		s.Restart()
		require.Error(t, err, at)
		require.ErrorIs(t, o.verify(t, store, ref), backup.ErrNoManifest, at)
		require.NoError(t, store.Delete(t.Context(), ref), at)
	}
	require.Empty(t, s.Objects())
	_, err := o.write(t.Context(), t, store, o.ref(t), multipart)
	require.NoError(t, err)
}

func TestFactsOfABucket(t *testing.T) {
	t.Parallel()
	s := buckettest.Start(t)
	f := bucket.Facts{Config: newOwner(t, s.URL()).config}
	p, err := f.Place(t.Context())
	require.NoError(t, err)
	require.Contains(t, p.Name, "the bucket backups of http://127.0.0.1:")
	require.False(t, p.Versions)
	require.False(t, p.Hidden)
	s.KeepVersions()
	p, err = f.Place(t.Context())
	require.NoError(t, err)
	require.True(t, p.Versions)
	f.Config.URL = strings.Replace(f.Config.URL, buckettest.Bucket, "nowhere", 1)
	_, err = f.Place(t.Context())
	require.ErrorContains(t, err, "NoSuchBucket")
	s.Kill()
	_, err = f.Place(t.Context())
	require.Error(t, err)

	p, err = bucket.Facts{Config: bucket.Config{URL: "file:///var/backups"}}.Place(t.Context())
	require.NoError(t, err)
	require.Equal(t, "/var/backups", p.Folder)
}
