package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/tenant"
)

// Lives is how long what tenants have on the ledger lives.
type Lives struct {
	pool    database
	network string
}

// NewLives reads and writes about one network, by its passphrase.
func NewLives(pool *pgxpool.Pool, network string) *Lives {
	return &Lives{pool: database{pool}, network: network}
}

// ContractsToKeep lists the contracts of tenants that live: a suspended or archived one
// may come back, a purged one's lapses.
func (l *Lives) ContractsToKeep(ctx context.Context) ([]tenant.EntryLife, error) {
	var living []string
	for _, s := range tenant.Statuses() {
		if s.Contract() != tenant.ContractTerminated {
			living = append(living, string(s))
		}
	}
	rows, err := l.pool.Query(ctx, `
		SELECT t.id, t.contract_id FROM tenants t
		WHERE t.contract_id IS NOT NULL AND t.status = ANY ($1)
		ORDER BY t.contract_id`, living)
	if err != nil {
		return nil, fmt.Errorf("list the contracts of living tenants: %w", interpret(err))
	}
	contracts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e tenant.EntryLife, err error) {
		err = row.Scan(&e.Tenant, &e.Entry)
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("list the contracts of living tenants: %w", interpret(err))
	}
	return contracts, nil
}

// SaveLives replaces what is known by what was seen, also what was known of another
// network.
func (l *Lives) SaveLives(ctx context.Context, seen []tenant.EntryLife) error {
	n := len(seen)
	entries, tenants, untils, archived, lefts := make([]string, n), make([]*string, n), make([]*int64, n), make([]bool, n), make([]*float64, n)
	for i, e := range seen {
		entries[i], archived[i] = e.Entry, e.Archived
		if e.Tenant != "" {
			id := string(e.Tenant)
			tenants[i] = &id
		}
		if e.Until > 0 {
			until, left := int64(e.Until), e.Left.Seconds()
			untils[i], lefts[i] = &until, &left
		}
	}
	err := l.pool.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM stellar_lives WHERE network <> $1 OR entry <> ALL ($2)`, l.network, entries); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			INSERT INTO stellar_lives (network, entry, tenant_id, live_until, archived, lives_until, looked_at)
			SELECT $1, s.entry, s.tenant, s.until, s.archived, now() + make_interval(secs => s.left_s), now()
			FROM unnest($2::text[], $3::uuid[], $4::bigint[], $5::boolean[], $6::float8[]) AS s(entry, tenant, until, archived, left_s)
			ON CONFLICT (network, entry) DO UPDATE SET tenant_id = excluded.tenant_id, live_until = excluded.live_until,
				archived = excluded.archived, lives_until = excluded.lives_until, looked_at = excluded.looked_at`,
			l.network, entries, tenants, untils, archived, lefts)
		return err
	})
	if err != nil {
		return fmt.Errorf("write how long entries of the ledger live: %w", interpret(err))
	}
	return nil
}

// StandingLives sums up what was seen last.
func StandingLives(ctx context.Context, pool *pgxpool.Pool) (tenant.Lives, error) {
	var s tenant.Lives
	var seen *time.Time
	var code, contract *float64
	err := database{pool}.QueryRow(ctx, `
		SELECT min(looked_at),
			extract(epoch FROM min(lives_until) FILTER (WHERE tenant_id IS NULL) - now())::float8,
			extract(epoch FROM min(lives_until) FILTER (WHERE tenant_id IS NOT NULL) - now())::float8,
			count(tenant_id)::int, count(*) FILTER (WHERE live_until IS NULL)::int
		FROM stellar_lives`).Scan(&seen, &code, &contract, &s.Contracts, &s.Lost)
	if err != nil {
		return s, fmt.Errorf("read how long entries of the ledger live: %w", interpret(err))
	}
	s.SeenAt, s.Code, s.Contract = orZero(seen), ifKnown(code), ifKnown(contract)
	return s, nil
}

// ifKnown is a number of seconds, or nil.
func ifKnown(s *float64) *time.Duration {
	if s == nil {
		return nil
	}
	d := seconds(*s)
	return &d
}
