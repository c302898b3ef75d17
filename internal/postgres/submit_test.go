package postgres_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tenant-provisioning/internal/tenant"
)

func (b testBundle) newName(t *testing.T) string {
	t.Helper()
	return rand.Text()[:8]
}

func TestNameIsTakenOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var g errgroup.Group
	var accepted, refused atomic.Int32
	for i := range 20 {
		a := acceptance(t, []string{"St. Mary", "ST. MARY", " st. mary "}[i%3])
		g.Go(func() error {
			_, err := b.operations.Submit(b.ctx, a)
			switch {
			case err == nil:
				accepted.Add(1)
			default:
				refused.Add(1)
				if !errors.Is(err, tenant.ErrNameTaken) {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, g.Wait())
	require.EqualValues(t, 1, accepted.Load())
	require.EqualValues(t, 19, refused.Load())
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM operations`), "a refused request leaves nothing")
}

func TestNameIsFreeAfterAFailure(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := b.accept(t, "Unlucky clinic")
	done, err := b.operations.RollBackPending(b.ctx, a.Operation, "test", tenant.AuditEntry{
		Actor: "ada", Action: "rollback", Outcome: tenant.OutcomeAccepted, Tenant: a.New.ID, Operation: a.Operation.ID,
	})
	require.NoError(t, err)
	require.True(t, done)
	b.accept(t, "Unlucky clinic")
}

func TestRepeatedRequestIsOneOperation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var g errgroup.Group
	ids := make([]tenant.OperationID, 50)
	for i := range ids {
		a := acceptance(t, "Impatient clinic")
		a.IdempotencyKey, a.Request = "key", []byte("same")
		g.Go(func() error {
			o, err := b.operations.Submit(b.ctx, a)
			ids[i] = o.ID
			return err
		})
	}
	require.NoError(t, g.Wait())
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM tenants`))

	other := acceptance(t, "Another clinic")
	other.IdempotencyKey, other.Request = "key", []byte("different")
	_, err := b.operations.Submit(b.ctx, other)
	require.ErrorIs(t, err, tenant.ErrIdempotencyMismatch)
	other.Operation.Client = "another client"
	_, err = b.operations.Submit(b.ctx, other)
	require.NoError(t, err, "keys are scoped by client")
}

// TestAKeyAndItsRequestAreKeptAsHashes that nobody can make who lacks the
// installation's key, which is read anew each time.
func TestAKeyAndItsRequestAreKeptAsHashes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := acceptance(t, "Discreet clinic")
	a.IdempotencyKey, a.Request = "ada@hospital.example", []byte(`{"adminEmail":"ada@hospital.example"}`)
	first, err := b.operations.Submit(b.ctx, a)
	require.NoError(t, err)
	kept := func() (hashKey, key, request []byte) {
		require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT hash_key, key_hash, request_hash FROM installation, idempotency_keys`).Scan(&hashKey, &key, &request))
		return hashKey, key, request
	}
	hashKey, key, request := kept()
	require.Len(t, hashKey, sha256.Size)
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM installation WHERE hash_key NOT IN (invitation_key, sha256(id::text::bytea))`))
	for what, text := range map[string]struct{ hash, text []byte }{"key": {key, []byte(a.IdempotencyKey)}, "request": {request, a.Request}} {
		mac := hmac.New(sha256.New, hashKey)
		mac.Write(append([]byte(what+"\n"), text.text...))
		require.Equal(t, mac.Sum(nil), text.hash, what)
	}

	again := acceptance(t, "Discreet clinic")
	again.IdempotencyKey, again.Request = a.IdempotencyKey, a.Request
	b.mustExec(t, `UPDATE installation SET hash_key = '\x00'`)
	_, err = b.operations.Submit(b.ctx, again)
	require.ErrorIs(t, err, tenant.ErrNameTaken, "the database is another one's now")
	b.mustExec(t, `UPDATE installation SET hash_key = $1`, hashKey)
	o, err := b.operations.Submit(b.ctx, again)
	require.NoError(t, err)
	require.Equal(t, first.ID, o.ID)
}

func TestPagesAreWhole(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const n = 7
	for i := range n {
		b.accept(t, fmt.Sprintf("Clinic 50%% no. %d", i))
	}
	b.accept(t, "Clinic 50 something")
	seen := map[tenant.ID]bool{}
	f := tenant.Filter{Name: "50%", Limit: 3}
	for {
		page, err := b.tenants.List(b.ctx, f)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Items), 3)
		for _, tn := range page.Items {
			require.False(t, seen[tn.ID], "an item stands on one page only")
			seen[tn.ID] = true
		}
		if f.Cursor = page.NextCursor; f.Cursor == "" {
			break
		}
	}
	require.Len(t, seen, n, "%% is a character of a name here, not a wildcard")
	for _, bad := range []string{"x", "YWZ0ZXI6", "YWZ0ZXI6bm90LWFuLWlk", "😀"} {
		_, err := b.tenants.List(b.ctx, tenant.Filter{Cursor: bad})
		require.ErrorIs(t, err, tenant.ErrBadCursor, bad)
	}
}

func TestDispatchIsFairAndBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 12 {
		a := acceptance(t, fmt.Sprintf("Clinic %d of the busy one", i))
		a.Operation.Client = "busy"
		_, err := b.operations.Submit(b.ctx, a)
		require.NoError(t, err)
	}
	late := acceptance(t, "The only clinic of the other one")
	late.Operation.Client = "other"
	_, err := b.operations.Submit(b.ctx, late)
	require.NoError(t, err)

	first, err := b.queue.Take(b.ctx, 4, tenant.Bounds{Running: 100}, time.Minute)
	require.NoError(t, err)
	require.Len(t, first, 4)
	clients := map[string]int{}
	for _, o := range first {
		clients[o.Client]++
	}
	require.Equal(t, map[string]int{"busy": 3, "other": 1}, clients, "a client's many do not hold up another's one")

	second, err := b.queue.Take(b.ctx, 100, tenant.Bounds{Running: 100}, time.Minute)
	require.NoError(t, err)
	require.Len(t, second, 9, "what another dispatcher has taken is left alone")
	require.NoError(t, b.queue.Release(b.ctx, late.Operation.ID, 0))
	again, err := b.queue.Take(b.ctx, 100, tenant.Bounds{Running: 100}, time.Minute)
	require.NoError(t, err)
	require.Len(t, again, 1)

	f := fence(late)
	_, err = b.transitions.Claim(b.ctx, f)
	require.NoError(t, err)
	b.accept(t, "One too many")
	none, err := b.queue.Take(b.ctx, 100, tenant.Bounds{Running: 1}, time.Minute)
	require.NoError(t, err)
	require.Empty(t, none, "no more are taken than may run")
}
