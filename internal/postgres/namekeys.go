package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/tenant"
)

// alikeMark stands in the key of a tenant whose name another one holds, before
// its id: an invisible character, which no other key has. So both are found by
// their name, and nobody else can take it.
const alikeMark = "\u200b"

// RefoldNames brings the keys by which names are compared to this build's rule,
// which says more of them are the same than earlier ones did: those of the names that
// tenants have, and of those that an open operation will give them. Tenants that have
// such names already keep them, and are returned: the first to have the key
// holds it. It may be run twice, and while tenants are created.
func RefoldNames(ctx context.Context, pool *pgxpool.Pool) ([]tenant.Alike, error) {
	stale, err := staleNames(ctx, pool)
	if err != nil {
		return nil, fmt.Errorf("compare the tenants' names: %w", interpret(err))
	}
	var alike []tenant.Alike
	for _, n := range stale {
		err := n.write(ctx, pool, tenant.NameKey(n.name))
		if errors.Is(interpret(err), tenant.ErrNameTaken) {
			var a tenant.Alike
			if a, err = n.setApart(ctx, pool); err == nil {
				alike = append(alike, a)
			}
		}
		if err != nil {
			return alike, fmt.Errorf("fold the name of tenant %s: %w", n.tenant, interpret(err))
		}
	}
	return alike, nil
}

// staleName is a name whose key is not the one of this build.
type staleName struct {
	tenant tenant.ID
	name   string
	// next tells that an open operation gives the tenant this name.
	next bool
}

// staleNames are those of the oldest tenant first.
func staleNames(ctx context.Context, pool *pgxpool.Pool) ([]staleName, error) {
	rows, err := pool.Query(ctx, `
		SELECT id, name, name_key, false AS next FROM tenants
		UNION ALL SELECT t.id, coalesce(o.new_name, t.name), t.next_name_key, true FROM tenants t
			JOIN operations o ON o.tenant_id = t.id AND o.state NOT IN ('SUCCEEDED', 'ROLLED_BACK') WHERE t.next_name_key IS NOT NULL
		ORDER BY id, next`)
	if err != nil {
		return nil, err
	}
	var stale []staleName
	var n staleName
	var key string
	_, err = pgx.ForEachRow(rows, []any{&n.tenant, &n.name, &key, &n.next}, func() error {
		if key != tenant.NameKey(n.name) {
			stale = append(stale, n)
		}
		return nil
	})
	return stale, err
}

// write writes the key of a name. The operation that gives the tenant a next one may
// have ended meanwhile.
func (n staleName) write(ctx context.Context, pool *pgxpool.Pool, key string) error {
	_, err := pool.Exec(ctx, `
		UPDATE tenants SET name_key = CASE WHEN $3 THEN name_key ELSE $2 END, next_name_key = CASE WHEN $3 AND next_name_key IS NOT NULL THEN $2 ELSE next_name_key END
		WHERE id = $1`, string(n.tenant), key, n.next)
	return err
}

func (n staleName) setApart(ctx context.Context, pool *pgxpool.Pool) (tenant.Alike, error) {
	a := tenant.Alike{ID: n.tenant, Name: n.name}
	key := tenant.NameKey(n.name)
	if err := n.write(ctx, pool, key+alikeMark+string(n.tenant)); err != nil {
		return a, err
	}
	err := pool.QueryRow(ctx, `SELECT id, name FROM tenants WHERE coalesce(next_name_key, name_key) = $1 AND name_held`, key).
		Scan(&a.Holder, &a.HolderName)
	return a, ifThere(err) // it may have been given free meanwhile
}
