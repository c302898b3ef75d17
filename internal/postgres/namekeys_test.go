package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

// TestLookAlikeNamesAreOne: six spellings of a name are one tenant, found by
// any of them, and its name stays as it was typed.
func TestLookAlikeNamesAreOne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	spellings := []string{
		"Saint\u00a0Mary", "Saint Mary", "Saint  Mary", "Saint\u200b Mary", "Ｓａｉｎｔ　Ｍａｒｙ", "Sa\u00adint \u2003MARY\ufeff",
	}
	first := b.accept(t, spellings[0])
	for _, other := range spellings[1:] {
		_, err := b.operations.Submit(b.ctx, acceptance(t, other))
		require.ErrorIsf(t, err, tenant.ErrNameTaken, "%+q", other)
		found, err := b.tenants.List(b.ctx, tenant.Filter{Name: other})
		require.NoError(t, err)
		require.Lenf(t, found.Items, 1, "%+q", other)
		require.Equal(t, first.New.ID, found.Items[0].ID)
		require.Equal(t, spellings[0], found.Items[0].Name)
	}
}

// TestTheLongestKeysAreStored: a character may fold into eighteen, and an index
// takes 2,704 bytes.
func TestTheLongestKeysAreStored(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var squares strings.Builder
	for r := '\u3300'; r < '\u3364'; r++ {
		squares.WriteRune(r)
	}
	for _, name := range []string{strings.Repeat("\ufdfa", 100), squares.String(), strings.Repeat("\ufdfa", 60) + squares.String()[:120]} {
		name, bad := tenant.CleanName(name)
		require.Nil(t, bad)
		require.Greater(t, len(tenant.NameKey(name)), 900)
		b.accept(t, name)
	}
}

// TestNamesFromBeforeTheRule brings back rows with the keys of an earlier build
// and two tenants whose names look the same by the present rule.
func TestNamesFromBeforeTheRule(t *testing.T) {
	t.Parallel()
	b := setup(t)
	stale := b.accept(t, "Ｗｉｄｅ  Clinic")
	b.mustExec(t, `UPDATE tenants SET name_key = 'ｗｉｄｅ  clinic' WHERE id = $1`, string(stale.New.ID))
	first := b.accept(t, "Saint Mary")
	second := b.accept(t, "Another")
	b.mustExec(t, `UPDATE tenants SET name = 'Saint  Mary', name_key = 'saint  mary' WHERE id = $1`, string(second.New.ID))
	_, err := b.operations.Submit(b.ctx, acceptance(t, "wide clinic"))
	require.NoError(t, err, "until the names are folded anew the old key hides it")
	b.mustExec(t, `UPDATE tenants SET status = 'FAILED', name_held = false WHERE name = 'wide clinic'`)

	for range 2 {
		alike, err := postgres.RefoldNames(b.ctx, b.pool)
		require.NoError(t, err)
		require.Equal(t, []tenant.Alike{{
			ID: second.New.ID, Name: "Saint  Mary", Holder: first.New.ID, HolderName: "Saint Mary",
		}}, alike)
		for _, taken := range []string{"wide clinic", "SAINT MARY", "Saint\u00a0\u00a0Mary"} {
			_, err := b.operations.Submit(b.ctx, acceptance(t, taken))
			require.ErrorIsf(t, err, tenant.ErrNameTaken, "%+q", taken)
		}
		both, err := b.tenants.List(b.ctx, tenant.Filter{Name: "saint mary"})
		require.NoError(t, err)
		require.Len(t, both.Items, 2)
	}

	b.mustExec(t, `UPDATE tenants SET status = 'FAILED', name_held = false WHERE id = $1`, string(second.New.ID))
	b.mustExec(t, `UPDATE operations SET state = 'ROLLED_BACK', finished_at = now() WHERE tenant_id = $1`, string(second.New.ID))
	_, err = b.operations.Submit(b.ctx, reprovisioning(t, second.New.ID))
	require.ErrorIs(t, err, tenant.ErrNameTaken, "its place beside the other one ends with it")

	b.mustExec(t, `UPDATE tenants SET status = 'FAILED', name_held = false WHERE id = $1`, string(first.New.ID))
	alike, err := postgres.RefoldNames(b.ctx, b.pool)
	require.NoError(t, err)
	require.Empty(t, alike)
	_, err = b.operations.Submit(b.ctx, reprovisioning(t, second.New.ID))
	require.NoError(t, err)
}

func reprovisioning(t *testing.T, id tenant.ID) tenant.Submission {
	t.Helper()
	operation, err := tenant.NewOperationID()
	require.NoError(t, err)
	o := acceptance(t, "-").Operation
	o.ID, o.TenantID = operation, id
	return tenant.Submission{Operation: o, Actor: "test"}
}

// TestANextNameFromBeforeTheRule is compared by this build's rule as well, from before
// the tenant has it.
func TestANextNameFromBeforeTheRule(t *testing.T) {
	t.Parallel()
	b := setup(t)
	row := b.archivedFor(t, "Charité", time.Hour)
	sub := submission(t, tenant.KindUndelete, row.ID)
	sub.Operation.NewName = "Ｗｉｄｅ  Clinic"
	_, err := b.operations.Submit(b.ctx, sub)
	require.NoError(t, err)
	b.mustExec(t, `UPDATE tenants SET next_name_key = 'ｗｉｄｅ  clinic'`)
	for range 2 {
		alike, err := postgres.RefoldNames(b.ctx, b.pool)
		require.NoError(t, err)
		require.Empty(t, alike)
		_, err = b.operations.Submit(b.ctx, acceptance(t, "wide clinic"))
		require.ErrorIs(t, err, tenant.ErrNameTaken)
	}
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM tenants WHERE name_key = $1 AND next_name_key = $2`, tenant.NameKey("Charité"), tenant.NameKey("Wide Clinic")))
}
