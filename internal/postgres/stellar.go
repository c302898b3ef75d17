package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/stellar/submit"
	"tenant-provisioning/internal/tenant"
)

// StellarJournal is the journal of transactions and the leases of accounts.
type StellarJournal struct{ pool database }

var _ submit.Journal = (*StellarJournal)(nil)

// NewStellarJournal makes a journal on a pool.
func NewStellarJournal(pool *pgxpool.Pool) *StellarJournal {
	return &StellarJournal{pool: database{pool}}
}

// leaseMargin is added to the time until which a transaction may be applied,
// for a server's clock that is ahead of the ledger's. A transaction that is
// open after all is settled by the next holder first.
const leaseMargin = 10 * time.Second

const transactionColumns = `SELECT hash, coalesce(operation_id::text, ''), coalesce(tenant_id::text, ''), coalesce(generation, 0), purpose, coalesce(contract_id, ''), coalesce(target_status, ''),
	state, coalesce(result_code, ''), network, channel, sequence, envelope, after_ledger, max_time, coalesce(ledger, 0)
	FROM stellar_transactions `

func scanTransaction(row pgx.CollectableRow) (submit.Transaction, error) {
	var t submit.Transaction
	err := row.Scan(&t.Hash, &t.Fence.Operation, &t.Fence.Tenant, &t.Fence.Generation, &t.Purpose, &t.ContractID, &t.TargetStatus,
		&t.State, &t.ResultCode, &t.Network, &t.Channel, &t.Sequence, &t.Envelope, &t.AfterLedger, &t.MaxTime, &t.Ledger)
	return t, err
}

// journalError tells that it is the database that has failed, and not the ledger.
func journalError(doing string, err error) error {
	err = interpret(err)
	if !errors.Is(err, tenant.ErrNotFound) && !errors.Is(err, context.Canceled) {
		err = stepError(tenant.StepDeployContract, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// Transactions lists those of one generation of a tenant, oldest first.
func (j *StellarJournal) Transactions(ctx context.Context, id tenant.ID, generation int) ([]submit.Transaction, error) {
	rows, err := j.pool.Query(ctx, transactionColumns+`WHERE tenant_id = $1 AND generation = $2 ORDER BY created_at, hash`, string(id), generation)
	if err != nil {
		return nil, journalError("read the Stellar journal", err)
	}
	txs, err := pgx.CollectRows(rows, scanTransaction)
	if err != nil {
		return nil, journalError("read the Stellar journal", err)
	}
	return txs, nil
}

// Nonce reads the nonce of a tenant's contract; empty for a tenant that was accepted
// before there were any.
func (j *StellarJournal) Nonce(ctx context.Context, id tenant.ID, generation int) (nonce []byte, err error) {
	err = j.pool.QueryRow(ctx, `SELECT nonce FROM contract_nonces WHERE tenant_id = $1 AND generation = $2`, string(id), generation).Scan(&nonce)
	if ifThere(err) != nil {
		return nil, journalError("read the nonce of a contract", err)
	}
	return nonce, nil
}

// Remember keeps what this installation's contracts come from, for ever.
func (j *StellarJournal) Remember(ctx context.Context, network string, o tenant.ContractOrigin) error {
	_, err := j.pool.Exec(ctx, `
		INSERT INTO contract_origins (network, kind, value) VALUES ($1, 'admin', $2), ($1, 'code', $3)
		ON CONFLICT DO NOTHING`, network, o.Admin, o.Code)
	if err != nil {
		return journalError("keep what contracts come from", err)
	}
	return nil
}

// Remembers tells which parts of an origin this installation has ever used.
func (j *StellarJournal) Remembers(ctx context.Context, network string, o tenant.ContractOrigin) (admin, code bool, err error) {
	err = j.pool.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM contract_origins WHERE network = $1 AND kind = 'admin' AND value = $2),
			EXISTS (SELECT FROM contract_origins WHERE network = $1 AND kind = 'code' AND value = $3)`,
		network, o.Admin, o.Code).Scan(&admin, &code)
	if err != nil {
		return false, false, journalError("read what contracts come from", err)
	}
	return admin, code, nil
}

// nonceLength is as long as what is made of it.
const nonceLength = 32

// insertNonce gives the contract of a generation its nonce, with its acceptance.
func insertNonce(b *pgx.Batch, id tenant.ID, generation int) {
	nonce := make([]byte, nonceLength)
	_, _ = rand.Read(nonce) // it never fails
	b.Queue(`INSERT INTO contract_nonces (tenant_id, generation, nonce) VALUES ($1, $2, $3)`, string(id), generation, nonce)
}

// Find reads one transaction by its hash.
func (j *StellarJournal) Find(ctx context.Context, hash string) (submit.Transaction, error) {
	return j.one(ctx, `WHERE hash = $1`, hash)
}

// OpenOn reads the open transaction of an account.
func (j *StellarJournal) OpenOn(ctx context.Context, network, channel string) (submit.Transaction, error) {
	return j.one(ctx, `WHERE network = $1 AND channel = $2 AND state IN ('PREPARED', 'SENT')`, network, channel)
}

func (j *StellarJournal) one(ctx context.Context, where string, args ...any) (submit.Transaction, error) {
	rows, err := j.pool.Query(ctx, transactionColumns+where, args...)
	if err != nil {
		return submit.Transaction{}, journalError("read the Stellar journal", err)
	}
	t, err := pgx.CollectExactlyOneRow(rows, scanTransaction)
	if err != nil {
		return submit.Transaction{}, journalError("read the Stellar journal", err)
	}
	return t, nil
}

// Doubts lists the open transactions of a network, oldest first.
func (j *StellarJournal) Doubts(ctx context.Context, network string) ([]submit.Doubt, error) {
	txs, err := j.pool.Query(ctx, `SELECT hash, coalesce(tenant_id::text, ''), coalesce(operation_id::text, ''), purpose, state, channel, max_time, coalesce(note, ''), created_at
		FROM stellar_transactions WHERE network = $1 AND state IN ('PREPARED', 'SENT') ORDER BY created_at`, network)
	if err != nil {
		return nil, journalError("list the open transactions", err)
	}
	doubts, err := pgx.CollectRows(txs, func(row pgx.CollectableRow) (submit.Doubt, error) {
		var d submit.Doubt
		err := row.Scan(&d.Hash, &d.Fence.Tenant, &d.Fence.Operation, &d.Purpose, &d.State, &d.Channel, &d.MaxTime, &d.Note, &d.Since)
		return d, err
	})
	if err != nil {
		return nil, journalError("list the open transactions", err)
	}
	return doubts, nil
}

// Lease takes the account that was unused for longest: so its sequence number,
// which a server may learn late, had the most time to become known. One with an
// open transaction comes last.
func (j *StellarJournal) Lease(ctx context.Context, network string, addresses []string, length time.Duration) (submit.Lease, error) {
	l, err := j.lease(ctx, network, addresses, length)
	if !errors.Is(err, submit.ErrNoFreeChannel) {
		return l, err
	}
	tag, err := j.pool.Exec(ctx, `INSERT INTO stellar_channels (network, address) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING`, network, addresses)
	if err != nil {
		return submit.Lease{}, journalError("register channel accounts", err)
	}
	if tag.RowsAffected() > 0 {
		return j.lease(ctx, network, addresses, length)
	}
	var left bool
	err = j.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM stellar_channels WHERE network = $1 AND address = ANY ($2) AND set_aside_at IS NULL)`, network, addresses).Scan(&left)
	switch {
	case err != nil:
		return submit.Lease{}, journalError("look for channel accounts that are not set aside", err)
	case !left:
		return submit.Lease{}, submit.ErrAllSetAside
	}
	return submit.Lease{}, submit.ErrNoFreeChannel
}

// Spent sums up what was paid: for the effect of an order, and within a day.
func (j *StellarJournal) Spent(ctx context.Context, network string, o submit.Order) (submit.Spending, error) {
	var s submit.Spending
	var frees *time.Time
	err := j.pool.QueryRow(ctx, `
		SELECT (SELECT coalesce(sum(fee_charged), 0)::bigint FROM stellar_transactions
				WHERE operation_id = nullif($2, '')::uuid AND purpose = $3 AND coalesce(target_status, '') = $4 AND network = $1),
			d.spent, d.first + interval '24 hours', m.spent
		FROM (SELECT coalesce(sum(fee_charged), 0)::bigint AS spent, min(settled_at) AS first FROM stellar_transactions
				WHERE network = $1 AND fee_charged > 0 AND settled_at > now() - interval '24 hours' AND purpose NOT IN ('EXTEND_ENTRIES', 'RESTORE_ENTRIES')) d,
			(SELECT coalesce(sum(fee_charged), 0)::bigint AS spent FROM stellar_transactions
				WHERE network = $1 AND purpose IN ('EXTEND_ENTRIES', 'RESTORE_ENTRIES') AND tenant_id IS NULL AND settled_at > now() - interval '30 days') m`,
		network, string(o.Fence.Operation), o.Purpose, string(o.TargetStatus)).Scan(&s.Effect, &s.Day, &frees, &s.Month)
	if err != nil {
		return s, journalError("sum up what was paid", err)
	}
	s.Frees = orZero(frees)
	return s, nil
}

// Channels lists the accounts of a network that were ever used, by address.
func (j *StellarJournal) Channels(ctx context.Context, network string) ([]submit.Channel, error) {
	rows, err := j.pool.Query(ctx, `
		SELECT c.address, c.lease_token IS NOT NULL AND c.leased_until > now(), coalesce(t.hash, ''), c.set_aside_at, coalesce(c.set_aside_why, '')
		FROM stellar_channels c
		LEFT JOIN stellar_transactions t ON t.network = c.network AND t.channel = c.address AND t.state IN ('PREPARED', 'SENT')
		WHERE c.network = $1 ORDER BY c.address`, network)
	if err != nil {
		return nil, journalError("list the channel accounts", err)
	}
	channels, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (submit.Channel, error) {
		var c submit.Channel
		var aside *time.Time
		err := row.Scan(&c.Address, &c.Leased, &c.Open, &aside, &c.Why)
		c.SetAside = orZero(aside)
		return c, err
	})
	if err != nil {
		return nil, journalError("list the channel accounts", err)
	}
	return channels, nil
}

// SetAside takes an account out of use. One that is already keeps the time, and has
// the new reason.
func (j *StellarJournal) SetAside(ctx context.Context, network, address, why string) error {
	_, err := j.pool.Exec(ctx, `
		INSERT INTO stellar_channels (network, address, set_aside_at, set_aside_why) VALUES ($1, $2, clock_timestamp(), $3)
		ON CONFLICT (network, address) DO UPDATE
		SET set_aside_at = coalesce(stellar_channels.set_aside_at, excluded.set_aside_at), set_aside_why = excluded.set_aside_why`,
		network, address, why)
	if err != nil {
		return journalError("set channel account "+address+" aside", err)
	}
	return nil
}

// BringBack uses an account again that was set aside, and reports whether it was.
func (j *StellarJournal) BringBack(ctx context.Context, network, address string) (bool, error) {
	tag, err := j.pool.Exec(ctx, `UPDATE stellar_channels SET set_aside_at = NULL, set_aside_why = NULL WHERE network = $1 AND address = $2 AND set_aside_at IS NOT NULL`, network, address)
	if err != nil {
		return false, journalError("bring channel account "+address+" back", err)
	}
	return tag.RowsAffected() > 0, nil
}

func (j *StellarJournal) lease(ctx context.Context, network string, addresses []string, length time.Duration) (submit.Lease, error) {
	l := submit.Lease{Network: network}
	err := j.pool.QueryRow(ctx, `
		WITH free AS (
			SELECT c.network, c.address, t.hash
			FROM stellar_channels c
			LEFT JOIN stellar_transactions t ON t.network = c.network AND t.channel = c.address AND t.state IN ('PREPARED', 'SENT')
			WHERE c.network = $1 AND c.address = ANY ($2) AND c.leased_until < now() AND c.set_aside_at IS NULL
			ORDER BY t.hash IS NOT NULL, c.leased_until
			LIMIT 1 FOR UPDATE OF c SKIP LOCKED
		)
		UPDATE stellar_channels c SET lease_token = gen_random_uuid(), leased_until = now() + $3
		FROM free WHERE c.network = free.network AND c.address = free.address
		RETURNING c.address, c.sequence, c.lease_token::text, coalesce(free.hash, '')`,
		network, addresses, length).Scan(&l.Address, &l.Sequence, &l.Token, &l.Orphan)
	if errors.Is(err, pgx.ErrNoRows) {
		return submit.Lease{}, submit.ErrNoFreeChannel
	}
	if err != nil {
		return submit.Lease{}, journalError("lease a channel account", err)
	}
	return l, nil
}

// Release gives back an account without a transaction.
func (j *StellarJournal) Release(ctx context.Context, l submit.Lease) error {
	_, err := j.pool.Exec(ctx, `UPDATE stellar_channels SET lease_token = NULL, leased_until = now() WHERE network = $1 AND address = $2 AND lease_token = $3`,
		l.Network, l.Address, l.Token)
	if err != nil {
		return journalError("release channel account "+l.Address, err)
	}
	return nil
}

// Prepare writes a transaction before it is first sent. The fence, the lease
// and the journal's own bounds hold in one transaction and one round trip.
func (j *StellarJournal) Prepare(ctx context.Context, l submit.Lease, tx submit.Transaction) error {
	var b pgx.Batch
	if tx.Fence != (tenant.Fence{}) {
		b.Queue(passFence, fenceArgs(tx.Fence)...)
	}
	written := int64(0)
	b.Queue(`
		WITH lease AS (
			UPDATE stellar_channels SET leased_until = greatest(leased_until, $13::timestamptz + $14)
			WHERE network = $7 AND address = $8 AND lease_token = $15 AND leased_until > now()
			RETURNING 1
		)
		INSERT INTO stellar_transactions (hash, operation_id, tenant_id, generation, purpose, contract_id, target_status, state, network, channel, sequence, envelope, after_ledger, max_time)
		SELECT $1, nullif($2, '')::uuid, nullif($3, '')::uuid, nullif($4::integer, 0), $5, nullif($6, ''), nullif($16, ''), $12, $7, $8, $9, $10, $11, $13 FROM lease`,
		tx.Hash, string(tx.Fence.Operation), string(tx.Fence.Tenant), tx.Fence.Generation, tx.Purpose, tx.ContractID,
		tx.Network, tx.Channel, tx.Sequence, tx.Envelope, tx.AfterLedger, submit.StatePrepared, tx.MaxTime, leaseMargin, l.Token, string(tx.TargetStatus),
	).Exec(func(tag pgconn.CommandTag) error {
		written = tag.RowsAffected()
		return nil
	})
	if err := j.pool.run(ctx, &b); err != nil {
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == stateUniqueViolation {
			return fmt.Errorf("%w (%s)", submit.ErrInFlight, pg.ConstraintName)
		}
		return journalError("journal a Stellar transaction", err)
	}
	if written == 0 {
		return submit.ErrLeaseLost
	}
	return nil
}

// Reprice replaces the envelope of an open transaction.
func (j *StellarJournal) Reprice(ctx context.Context, hash, envelope string) error {
	_, err := j.pool.Exec(ctx, `UPDATE stellar_transactions SET envelope = $2 WHERE hash = $1 AND state IN ('PREPARED', 'SENT')`, hash, envelope)
	if err != nil {
		return journalError("journal another bid", err)
	}
	return nil
}

// MarkSent notes that a server took an open transaction.
func (j *StellarJournal) MarkSent(ctx context.Context, hash string) error {
	_, err := j.pool.Exec(ctx, `UPDATE stellar_transactions SET state = 'SENT', sent_at = coalesce(sent_at, clock_timestamp()) WHERE hash = $1 AND state IN ('PREPARED', 'SENT')`, hash)
	if err != nil {
		return journalError("journal that a transaction was sent", err)
	}
	return nil
}

// Note keeps what is known of an open transaction.
func (j *StellarJournal) Note(ctx context.Context, hash, detail string) error {
	_, err := j.pool.Exec(ctx, `UPDATE stellar_transactions SET note = $2 WHERE hash = $1 AND state IN ('PREPARED', 'SENT')`, hash, detail)
	if err != nil {
		return journalError("journal what is known of a transaction", err)
	}
	return nil
}

// Settle writes what has become of an open transaction and frees its account.
// An unused sequence number makes us forget the one we knew: the ledger alone
// knows the next, also after it was reset.
func (j *StellarJournal) Settle(ctx context.Context, hash string, o submit.Outcome) error {
	_, err := j.pool.Exec(ctx, `
		WITH settled AS (
			UPDATE stellar_transactions
			SET state = $2, result_code = nullif($3, ''), ledger = $4, fee_charged = $5, settled_at = clock_timestamp()
			WHERE hash = $1 AND state IN ('PREPARED', 'SENT')
			RETURNING network, channel, sequence
		)
		UPDATE stellar_channels c
		SET lease_token = NULL, leased_until = now(), sequence = CASE WHEN $6 THEN greatest(c.sequence, s.sequence) ELSE 0 END
		FROM settled s WHERE c.network = s.network AND c.address = s.channel`,
		hash, o.State, o.ResultCode, o.Ledger, o.FeeCharged, o.SequenceUsed)
	if err != nil {
		return journalError("journal the fate of a transaction", err)
	}
	return nil
}
