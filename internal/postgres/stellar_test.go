package postgres_test

import (
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/stellar/submit"
	"tenant-provisioning/internal/tenant"
)

const testNetwork = "Test Network"

type journalBundle struct {
	testBundle
	journal *postgres.StellarJournal
}

func setupJournal(t *testing.T) journalBundle {
	t.Helper()
	b := setup(t)
	return journalBundle{testBundle: b, journal: postgres.NewStellarJournal(b.pool)}
}

// running accepts a tenant whose operation a run has claimed.
func (b journalBundle) running(t *testing.T, name string) tenant.Fence {
	t.Helper()
	a := b.accept(t, name)
	_, err := b.pool.Exec(b.ctx, `UPDATE operations SET state = 'RUNNING', run_id = 'run' WHERE id = $1`, string(a.Operation.ID))
	require.NoError(t, err)
	return tenant.Fence{Operation: a.Operation.ID, Tenant: a.New.ID, Generation: 1, Run: "run", State: tenant.StateRunning}
}

func (b journalBundle) lease(t *testing.T, addresses ...string) submit.Lease {
	t.Helper()
	l, err := b.journal.Lease(b.ctx, testNetwork, addresses, time.Minute)
	require.NoError(t, err)
	return l
}

// transaction is one that a tenant's operation wants to send.
func transaction(f tenant.Fence, l submit.Lease, p submit.Purpose, n int) submit.Transaction {
	return submit.Transaction{
		Hash: hex.EncodeToString([]byte(fmt.Sprintf("%032d", n))), Fence: f, Purpose: p, ContractID: "C1", Network: l.Network, Channel: l.Address,
		Sequence: int64(100 + n), Envelope: "AAAA", AfterLedger: 7, MaxTime: time.Now().Add(time.Minute).Truncate(time.Second),
	}
}

func TestStellarJournalKeepsATransaction(t *testing.T) {
	t.Parallel()
	b := setupJournal(t)
	f, l := b.running(t, "Clinic"), b.lease(t, "G1")
	tx := transaction(f, l, submit.PurposeDeploy, 1)
	require.NoError(t, b.journal.Prepare(b.ctx, l, tx))
	require.NoError(t, b.journal.Reprice(b.ctx, tx.Hash, "BBBB"))
	open, err := b.journal.OpenOn(b.ctx, testNetwork, "G1")
	require.NoError(t, err)
	require.Equal(t, submit.StatePrepared, open.State)
	require.NoError(t, b.journal.MarkSent(b.ctx, tx.Hash))

	got, err := b.journal.Transactions(b.ctx, f.Tenant, 1)
	require.NoError(t, err)
	require.Len(t, got, 1)
	want := tx
	want.State, want.Envelope = submit.StateSent, "BBBB"
	// A line tells whose it is, not which attempt wrote it.
	want.Fence.Run, want.Fence.State = "", ""
	require.WithinDuration(t, want.MaxTime, got[0].MaxTime, 0)
	want.MaxTime = got[0].MaxTime
	require.Equal(t, want, got[0])

	require.NoError(t, b.journal.Settle(b.ctx, tx.Hash, submit.Outcome{State: submit.StateApplied, Ledger: 9, FeeCharged: 5, SequenceUsed: true}))
	// What is settled stays as it is.
	require.NoError(t, b.journal.Settle(b.ctx, tx.Hash, submit.Outcome{State: submit.StateExpired, Ledger: 10}))
	require.NoError(t, b.journal.MarkSent(b.ctx, tx.Hash))
	require.NoError(t, b.journal.Reprice(b.ctx, tx.Hash, "CCCC"))
	found, err := b.journal.Find(b.ctx, tx.Hash)
	require.NoError(t, err)
	want.State, want.Ledger = submit.StateApplied, 9
	found.MaxTime = want.MaxTime
	require.Equal(t, want, found)
	_, err = b.journal.OpenOn(b.ctx, testNetwork, "G1")
	require.ErrorIs(t, err, tenant.ErrNotFound)
	_, err = b.journal.Find(b.ctx, "00")
	require.ErrorIs(t, err, tenant.ErrNotFound)
}

func TestStellarJournalPassesTheFence(t *testing.T) {
	t.Parallel()
	b := setupJournal(t)
	f, l := b.running(t, "Clinic"), b.lease(t, "G1")
	for name, late := range map[string]tenant.Fence{
		"another run":        {Operation: f.Operation, Tenant: f.Tenant, Generation: 1, Run: "other", State: f.State},
		"another state":      {Operation: f.Operation, Tenant: f.Tenant, Generation: 1, Run: f.Run, State: tenant.StateRollingBack},
		"another generation": {Operation: f.Operation, Tenant: f.Tenant, Generation: 2, Run: f.Run, State: f.State},
	} {
		require.ErrorIs(t, b.journal.Prepare(b.ctx, l, transaction(late, l, submit.PurposeDeploy, 1)), tenant.ErrSuperseded, name)
	}
	none, err := b.journal.Transactions(b.ctx, f.Tenant, 1)
	require.NoError(t, err)
	require.Empty(t, none)
	require.NoError(t, b.journal.Prepare(b.ctx, l, transaction(f, l, submit.PurposeDeploy, 1)))
}

func TestStellarJournalTakesOneDeploymentPerGeneration(t *testing.T) {
	t.Parallel()
	b := setupJournal(t)
	f := b.running(t, "Clinic")
	l1, l2 := b.lease(t, "G1", "G2", "G3"), b.lease(t, "G1", "G2", "G3")
	first, second := transaction(f, l1, submit.PurposeDeploy, 1), transaction(f, l2, submit.PurposeDeploy, 2)
	require.NoError(t, b.journal.Prepare(b.ctx, l1, first))
	require.ErrorIs(t, b.journal.Prepare(b.ctx, l2, second), submit.ErrInFlight)
	require.NoError(t, b.journal.Settle(b.ctx, first.Hash, submit.Outcome{State: submit.StateExpired, Ledger: 9}))
	require.NoError(t, b.journal.Prepare(b.ctx, l2, second), "the first can no longer be applied")
	require.NoError(t, b.journal.Settle(b.ctx, second.Hash, submit.Outcome{State: submit.StateApplied, Ledger: 10, SequenceUsed: true}))
	l3 := b.lease(t, "G1", "G2", "G3")
	require.ErrorIs(t, b.journal.Prepare(b.ctx, l3, transaction(f, l3, submit.PurposeDeploy, 3)), submit.ErrInFlight, "it is made")
}

// TestStellarJournalTakesOneChangeOfStatusAtATime, and the next one once it is
// applied: the operations of one generation change the status any number of
// times.
func TestStellarJournalTakesOneChangeOfStatusAtATime(t *testing.T) {
	t.Parallel()
	b := setupJournal(t)
	f, n := b.running(t, "Clinic"), 0
	for _, status := range []tenant.ContractStatus{tenant.ContractSuspended, tenant.ContractActive, tenant.ContractSuspended, tenant.ContractTerminated} {
		l, other := b.lease(t, "G1", "G2"), b.lease(t, "G1", "G2")
		n += 2
		tx, meanwhile := transaction(f, l, submit.PurposeSetStatus, n), transaction(f, other, submit.PurposeSetStatus, n+1)
		tx.TargetStatus, meanwhile.TargetStatus = status, tenant.ContractTerminated
		require.NoError(t, b.journal.Prepare(b.ctx, l, tx))
		require.ErrorIs(t, b.journal.Prepare(b.ctx, other, meanwhile), submit.ErrInFlight)
		require.NoError(t, b.journal.Release(b.ctx, other))
		require.NoError(t, b.journal.Settle(b.ctx, tx.Hash, submit.Outcome{State: submit.StateApplied, Ledger: 10, SequenceUsed: true}))
		kept, err := b.journal.Find(b.ctx, tx.Hash)
		require.NoError(t, err)
		require.Equal(t, status, kept.TargetStatus)
	}
}

func TestStellarJournalTakesNothingWithoutTheLease(t *testing.T) {
	t.Parallel()
	b := setupJournal(t)
	f, l := b.running(t, "Clinic"), b.lease(t, "G1")
	tx := transaction(f, l, submit.PurposeDeploy, 1)
	require.NoError(t, b.journal.Release(b.ctx, l))
	require.ErrorIs(t, b.journal.Prepare(b.ctx, l, tx), submit.ErrLeaseLost)
	again := b.lease(t, "G1")
	require.ErrorIs(t, b.journal.Prepare(b.ctx, l, tx), submit.ErrLeaseLost, "it is somebody else's")
	require.NoError(t, b.journal.Release(b.ctx, l), "and stays theirs")
	require.NoError(t, b.journal.Prepare(b.ctx, again, tx))

	l = b.lease(t, "G2")
	_, err := b.pool.Exec(b.ctx, `UPDATE stellar_channels SET leased_until = now() - interval '1 second' WHERE address = 'G2'`)
	require.NoError(t, err)
	require.ErrorIs(t, b.journal.Prepare(b.ctx, l, transaction(b.running(t, "Other"), l, submit.PurposeDeploy, 2)), submit.ErrLeaseLost)
}

func TestStellarChannelsAreLeasedOneAtATime(t *testing.T) {
	t.Parallel()
	b := setupJournal(t)
	addresses := []string{"G1", "G2", "G3"}
	var group errgroup.Group
	got := make(chan submit.Lease, 20)
	for range 20 {
		group.Go(func() error {
			l, err := b.journal.Lease(b.ctx, testNetwork, addresses, time.Minute)
			if err == nil {
				got <- l
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	close(got)
	holders := map[string]int{}
	for l := range got {
		holders[l.Address]++
	}
	for address, n := range holders {
		require.Equal(t, 1, n, address)
	}
	for len(holders) < len(addresses) { // first ones that came while the accounts were registered got none
		holders[b.lease(t, addresses...).Address]++
	}
	_, err := b.journal.Lease(b.ctx, testNetwork, addresses, time.Minute)
	require.ErrorIs(t, err, submit.ErrNoFreeChannel)
	_, err = b.journal.Lease(b.ctx, "Another Network", addresses, time.Minute)
	require.NoError(t, err, "an account of another network is another account")
}

// The account whose number had the longest time to become known comes first,
// one that was left with a transaction last, and not before that can no longer
// be applied.
func TestStellarChannelsComeInOrder(t *testing.T) {
	t.Parallel()
	b := setupJournal(t)
	addresses := []string{"G1", "G2", "G3"}
	var order []string
	for range addresses {
		l := b.lease(t, addresses...)
		order = append(order, l.Address)
	}
	for _, a := range []int{2, 0, 1} {
		_, err := b.pool.Exec(b.ctx, `UPDATE stellar_channels SET lease_token = NULL, leased_until = clock_timestamp() WHERE address = $1`, order[a])
		require.NoError(t, err)
	}
	first := b.lease(t, addresses...)
	require.Equal(t, order[2], first.Address)
	f := b.running(t, "Clinic")
	tx := transaction(f, first, submit.PurposeDeploy, 1)
	require.NoError(t, b.journal.Prepare(b.ctx, first, tx))
	var until time.Time
	require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT leased_until FROM stellar_channels WHERE address = $1`, first.Address).Scan(&until))
	require.True(t, until.After(tx.MaxTime), "leased for as long as the transaction may be applied")

	require.Equal(t, order[0], b.lease(t, addresses...).Address)
	require.Equal(t, order[1], b.lease(t, addresses...).Address)
	_, err := b.journal.Lease(b.ctx, testNetwork, addresses, time.Minute)
	require.ErrorIs(t, err, submit.ErrNoFreeChannel)
	_, err = b.pool.Exec(b.ctx, `UPDATE stellar_channels SET leased_until = now() - interval '1 second'`)
	require.NoError(t, err)
	for _, want := range []string{"", "", tx.Hash} {
		require.Equal(t, want, b.lease(t, addresses...).Orphan)
	}
}

func TestStellarChannelsRememberUsedNumbersOnly(t *testing.T) {
	t.Parallel()
	b := setupJournal(t)
	for i, c := range []struct {
		outcome submit.Outcome
		want    int64
	}{
		{submit.Outcome{State: submit.StateApplied, SequenceUsed: true}, 101},
		{submit.Outcome{State: submit.StateFailed, SequenceUsed: true}, 102},
		{submit.Outcome{State: submit.StateExpired}, 0},
		{submit.Outcome{State: submit.StateApplied, SequenceUsed: true}, 104},
		{submit.Outcome{State: submit.StateRejected}, 0},
	} {
		l := b.lease(t, "G1")
		tx := transaction(b.running(t, fmt.Sprintf("Clinic %d", i)), l, submit.PurposeDeploy, i+1)
		require.NoError(t, b.journal.Prepare(b.ctx, l, tx))
		c.outcome.Ledger = 9
		require.NoError(t, b.journal.Settle(b.ctx, tx.Hash, c.outcome))
		l = b.lease(t, "G1")
		require.Equal(t, c.want, l.Sequence)
		require.NoError(t, b.journal.Release(b.ctx, l))
	}
}

func TestStellarTransactionsForAllTenantsNeedNoFence(t *testing.T) {
	t.Parallel()
	b := setupJournal(t)
	l := b.lease(t, "G1")
	tx := transaction(tenant.Fence{}, l, submit.PurposeUpload, 1)
	tx.ContractID = ""
	require.NoError(t, b.journal.Prepare(b.ctx, l, tx))
	got, err := b.journal.Find(b.ctx, tx.Hash)
	require.NoError(t, err)
	require.Equal(t, tenant.Fence{}, got.Fence)
}

// What keeps the journal from being written is said as plainly as for a step
// that only needs the database.
func TestStellarJournalExplainsADatabaseThatTakesNothing(t *testing.T) {
	t.Parallel()
	b := setupJournal(t)
	b.lease(t, "GA")
	for code, want := range map[string]string{"53100": "disk is full", "25006": "read-only", "57P01": "refuses work now", "28P01": "DB_PASSWORD"} {
		_, err := b.pool.Exec(b.ctx, fmt.Sprintf(`
			CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '%s'; END $$;
			CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON stellar_channels FOR EACH ROW EXECUTE FUNCTION refuse()`, code))
		require.NoError(t, err)
		_, err = b.journal.Lease(b.ctx, testNetwork, []string{"GB"}, time.Minute)
		var s *tenant.StepError
		require.ErrorAs(t, err, &s, code)
		require.ErrorIs(t, err, tenant.ErrUnavailable)
		require.Contains(t, s.Reason, want)
		require.Equal(t, tenant.StepDeployContract, s.Step)
		require.False(t, s.Permanent)
	}
}

// TestEachGenerationHasANonceOfItsOwn from its acceptance on, and keeps it.
func TestEachGenerationHasANonceOfItsOwn(t *testing.T) {
	t.Parallel()
	b := setupJournal(t)
	f, _ := b.provision(t, "Clinic", tenant.StateRolledBack)
	first, err := b.journal.Nonce(b.ctx, f.Tenant, 1)
	require.NoError(t, err)
	require.Len(t, first, 32)
	again := b.submit(t, tenant.KindProvision, f.Tenant)
	require.Equal(t, 2, again.Generation)
	second, err := b.journal.Nonce(b.ctx, f.Tenant, 2)
	require.NoError(t, err)
	require.Len(t, second, 32)
	require.NotEqual(t, first, second)
	kept, err := b.journal.Nonce(b.ctx, f.Tenant, 1)
	require.NoError(t, err)
	require.Equal(t, first, kept)
	other, err := b.journal.Nonce(b.ctx, b.accept(t, "Another").New.ID, 1)
	require.NoError(t, err)
	require.NotEqual(t, first, other)
	none, err := b.journal.Nonce(b.ctx, f.Tenant, 3)
	require.NoError(t, err)
	require.Empty(t, none, "as that of a tenant of before")
}
