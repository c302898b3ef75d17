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
// which says more of them are the same than earlier ones did. Tenants that have
// such names already keep them, and are returned: the first to have the key
// holds it. It may be run twice, and while tenants are created.
func RefoldNames(ctx context.Context, pool *pgxpool.Pool) ([]tenant.Alike, error) {
	stale, err := staleNames(ctx, pool)
	if err != nil {
		return nil, fmt.Errorf("compare the tenants' names: %w", interpret(err))
	}
	var alike []tenant.Alike
	for _, t := range stale {
		_, err := pool.Exec(ctx, `UPDATE tenants SET name_key = $2 WHERE id = $1`, string(t.ID), tenant.NameKey(t.Name))
		if errors.Is(interpret(err), tenant.ErrNameTaken) {
			var a tenant.Alike
			if a, err = setApart(ctx, pool, t); err == nil {
				alike = append(alike, a)
			}
		}
		if err != nil {
			return alike, fmt.Errorf("fold the name of tenant %s: %w", t.ID, interpret(err))
		}
	}
	return alike, nil
}

// staleNames are those whose key is not the one of this build, the oldest
// tenant first.
func staleNames(ctx context.Context, pool *pgxpool.Pool) ([]tenant.Tenant, error) {
	rows, err := pool.Query(ctx, `SELECT id, name, name_key FROM tenants ORDER BY id`)
	if err != nil {
		return nil, err
	}
	var stale []tenant.Tenant
	var t tenant.Tenant
	var key string
	_, err = pgx.ForEachRow(rows, []any{&t.ID, &t.Name, &key}, func() error {
		if key != tenant.NameKey(t.Name) {
			stale = append(stale, t)
		}
		return nil
	})
	return stale, err
}

func setApart(ctx context.Context, pool *pgxpool.Pool, t tenant.Tenant) (tenant.Alike, error) {
	a := tenant.Alike{ID: t.ID, Name: t.Name}
	key := tenant.NameKey(t.Name)
	_, err := pool.Exec(ctx, `UPDATE tenants SET name_key = $2 WHERE id = $1`, string(t.ID), key+alikeMark+string(t.ID))
	if err != nil {
		return a, err
	}
	err = pool.QueryRow(ctx, `SELECT id, name FROM tenants WHERE coalesce(next_name_key, name_key) = $1 AND name_held`, key).
		Scan(&a.Holder, &a.HolderName)
	return a, ifThere(err) // it may have been given free meanwhile
}
