package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/tenant"
)

// Queue is the operations that wait for a run; the dispatchers of all workers
// take from it.
type Queue struct{ pool database }

// NewQueue takes operations from the queue on a pool.
func NewQueue(pool *pgxpool.Pool) *Queue { return &Queue{pool: database{pool}} }

// Take leases up to limit PENDING operations to one dispatcher, the
// oldest of each client in turn, so that a client's thousand do not hold up
// another's one. No more are taken than keep the number of those that run or
// are leased within the bounds, and none while an incident is open or a
// read-only maintenance window is under way; when an incident is over, that number
// grows to its bound over resumeSpread. An operation that no run has
// claimed when the lease ends can be taken again. What ends a tenant's access is
// taken before everything else, past incidents, windows and the bounds; what takes room is not
// taken while anything is short.
func (q *Queue) Take(ctx context.Context, limit int, most tenant.Bounds, lease time.Duration) ([]tenant.Operation, error) {
	deploying := tenant.DeployingKinds()
	rows, err := q.pool.Query(ctx, `
		WITH RECURSIVE bound AS (
			SELECT ceil($2::bigint * least(1, extract(epoch FROM now() - max(closed_at)) / extract(epoch FROM $4::interval)))::bigint AS n
			FROM incidents HAVING count(*) = count(closed_at) AND NOT EXISTS (SELECT FROM `+readOnly+`)
		), room AS (
			SELECT greatest(0, least($1::bigint, n - (SELECT count(*) FROM operations WHERE state = 'RUNNING')
				- (SELECT count(*) FROM operations WHERE state = 'PENDING' AND dispatch_after > now()))) AS n FROM bound
		), ahead AS (
			SELECT CASE WHEN NOT EXISTS (SELECT FROM capacity WHERE short_since IS NOT NULL) THEN greatest(0, $6::bigint
				- (SELECT count(*) FROM operations o WHERE o.state = 'RUNNING' AND o.kind = ANY ($7) AND NOT EXISTS (
					SELECT FROM provisioning_logs l WHERE l.operation_id = o.id AND l.step = $9 AND l.status = 'COMPLETED'))
				- (SELECT count(*) FROM operations WHERE state = 'PENDING' AND dispatch_after > now() AND kind = ANY ($7))) ELSE 0 END AS n
		), clients AS (
			(SELECT client FROM operations WHERE state = 'PENDING' ORDER BY client LIMIT 1)
			UNION ALL
			SELECT (SELECT o.client FROM operations o WHERE o.state = 'PENDING' AND o.client > c.client ORDER BY o.client LIMIT 1)
			FROM clients c WHERE c.client IS NOT NULL
		), candidates AS (
			SELECT p.id, p.deploys, row_number() OVER (PARTITION BY c.client ORDER BY p.created_at) AS turn, p.created_at
			FROM clients c CROSS JOIN LATERAL (
				(SELECT o.id, o.created_at, true AS deploys FROM operations o
				WHERE o.state = 'PENDING' AND o.client = c.client AND o.kind = ANY ($7) AND o.dispatch_after <= now()
				ORDER BY o.created_at LIMIT (SELECT least($1::bigint, n) FROM ahead))
				UNION ALL
				(SELECT o.id, o.created_at, false FROM operations o
				WHERE o.state = 'PENDING' AND o.client = c.client AND o.kind = ANY ($8) AND o.dispatch_after <= now()
				ORDER BY o.created_at LIMIT $1)
			) p
		), ranked AS (
			SELECT id, turn, created_at, deploys, row_number() OVER (PARTITION BY deploys ORDER BY turn, created_at) AS nth FROM candidates
		), urgent AS (
			SELECT o.id FROM operations o WHERE o.state = 'PENDING' AND o.kind = ANY ($5) AND o.dispatch_after <= now()
			ORDER BY o.created_at LIMIT $1 FOR UPDATE SKIP LOCKED
		), taken AS (
			-- The array has the few rows found by their keys; the join alone reads
			-- all of a large backlog.
			SELECT o.id FROM operations o JOIN ranked c ON c.id = o.id
			WHERE o.id = ANY (ARRAY(SELECT id FROM ranked)) AND o.state = 'PENDING' AND o.dispatch_after <= now()
				AND (NOT c.deploys OR c.nth <= (SELECT n FROM ahead))
			ORDER BY c.turn, c.created_at LIMIT coalesce((SELECT n FROM room), 0) FOR UPDATE OF o SKIP LOCKED
		)
		UPDATE operations o SET dispatch_after = now() + $3::interval
		FROM (SELECT id FROM urgent UNION ALL SELECT id FROM taken) t WHERE o.id = t.id RETURNING `+operationColumns,
		limit, most.Running, lease, resumeSpread, tenant.UrgentKinds(),
		cmp.Or(most.Ahead, most.Running), deploying, kindsBut(deploying, tenant.UrgentKinds()), tenant.StepDeployContract)
	if err != nil {
		return nil, fmt.Errorf("take pending operations: %w", interpret(err))
	}
	taken, err := pgx.CollectRows(rows, scanOperation)
	if err != nil {
		return nil, fmt.Errorf("take pending operations: %w", interpret(err))
	}
	return taken, nil
}

// kindsBut lists the kinds that are in none of the lists.
func kindsBut(lists ...[]tenant.Kind) []tenant.Kind {
	excluded := slices.Concat(lists...)
	return slices.DeleteFunc(tenant.Kinds(), func(k tenant.Kind) bool { return slices.Contains(excluded, k) })
}

// Release gives an operation back that could not be started; it can be
// taken again after the delay.
func (q *Queue) Release(ctx context.Context, id tenant.OperationID, delay time.Duration) error {
	_, err := q.pool.Exec(ctx, `UPDATE operations SET dispatch_after = now() + $2::interval WHERE id = $1 AND state = 'PENDING'`, string(id), delay)
	if err != nil {
		return fmt.Errorf("give operation %s back: %w", id, interpret(err))
	}
	return nil
}
