package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"tenant-provisioning/internal/tenant"
)

// found is what there is of one tenant, and what its operations say that they have
// done.
type found struct {
	ID         string
	Status     tenant.Status
	Generation int
	// Contract is the one that its row names; empty for none.
	Contract       string
	Schemas, Roles int
	Owned, Users   int
	// Access is 1 where its role can use its schema.
	Access   int
	Deployed int // applied deployments of the contract that it names

	operations []past // in order
}

// past is one operation of a tenant, as the database has it.
type past struct {
	tenant.Operation
	log   map[tenant.Step]map[tenant.StepStatus]int
	mails []mail
	// givenUp counts the steps that were skipped, without those that had nothing to do.
	givenUp int
}

// mail is a row of the outbox.
type mail struct {
	id, template string
	state        tenant.EmailState
}

// leaves is the status in which its operations have left the tenant.
func (t found) leaves() tenant.Status {
	if len(t.operations) == 0 {
		return ""
	}
	return t.operations[len(t.operations)-1].Leaves()
}

const tenants = `
SELECT t.id::text AS id, t.status, t.generation, coalesce(t.contract_id, '') AS contract,
	(SELECT count(*) FROM pg_namespace WHERE nspname = t.schema_name) AS schemas,
	(SELECT count(*) FROM pg_roles WHERE rolname = t.role_name) AS roles,
	(SELECT count(*) FROM tenant_schema_versions v WHERE v.tenant_id = t.id AND v.generation = t.generation) AS owned,
	(SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = t.schema_name AND c.relname = 'users') AS users,
	(SELECT count(*) FROM pg_roles r JOIN pg_namespace n ON n.nspname = t.schema_name AND has_schema_privilege(r.oid, n.oid, 'USAGE') WHERE r.rolname = t.role_name) AS access,
	(SELECT count(*) FROM stellar_transactions s WHERE s.tenant_id = t.id AND s.generation = t.generation AND s.contract_id = t.contract_id
		AND s.purpose = 'DEPLOY_CONTRACT' AND s.state = 'APPLIED') AS deployed
FROM tenants t ORDER BY t.id`

// leftovers are what belongs to nobody, or has no end. Each gives a line for
// each thing.
var leftovers = []struct {
	what, sql string
	// withData tells that $1 of the query is the statuses of tenants that have data.
	withData bool
}{
	{"schema without a tenant", `SELECT nspname FROM pg_namespace n WHERE nspname LIKE 't\_%' AND NOT EXISTS (
		SELECT FROM tenants t WHERE t.schema_name = n.nspname AND t.status = ANY ($1))`, true},
	{"marked role without a tenant", `SELECT rolname FROM pg_roles r WHERE rolname LIKE 't\_%'
		AND position((SELECT id::text FROM installation) IN coalesce(shobj_description(r.oid, 'pg_authid'), '')) > 0
		AND NOT EXISTS (SELECT FROM tenants t WHERE t.role_name = r.rolname AND t.status = ANY ($1))`, true},
	{"row of a schema's owner without a tenant", `SELECT v.schema_name || ', generation ' || v.generation FROM tenant_schema_versions v
		WHERE NOT EXISTS (SELECT FROM tenants t WHERE t.id = v.tenant_id AND t.generation = v.generation AND t.status = ANY ($1))`, true},
	{"open operation", `SELECT state || ' of ' || tenant_id FROM operations WHERE state NOT IN ('SUCCEEDED', 'ROLLED_BACK')`, false},
	{"transaction without an end", `SELECT hash FROM stellar_transactions WHERE state IN ('PREPARED', 'SENT')`, false},
	{"step without an end", `SELECT l.step || ' of ' || l.tenant_id FROM provisioning_logs l JOIN operations o ON o.id = l.operation_id
		WHERE l.status = 'IN_PROGRESS' AND o.state IN ('SUCCEEDED', 'ROLLED_BACK')`, false},
	{"mail without an end", `SELECT e.state || ' of ' || e.tenant_id FROM emails e WHERE e.state = 'SENDING'`, false},
	{"trace of a purged tenant's administrator", `SELECT t.id || ': ' || left_of FROM tenants t, LATERAL (
			SELECT 'a link' FROM invitations i WHERE i.tenant_id = t.id
			UNION SELECT 'the hash of a request' FROM idempotency_keys k JOIN operations o ON o.id = k.operation_id WHERE o.tenant_id = t.id AND k.request_hash IS NOT NULL
		) AS traces (left_of) WHERE t.status = 'DELETED'`, false},
	{"purge without a certificate, or with two", `SELECT t.id || ': ' || n FROM tenants t, LATERAL (
			SELECT count(*) FROM audit_log a WHERE a.tenant_id = t.id AND a.action = 'purge-certificate') AS certificates (n)
		WHERE (t.status = 'DELETED') <> (n = 1) OR n > 1`, false},
	{"open incident", `SELECT dependency || ': ' || cause FROM incidents WHERE closed_at IS NULL`, false},
	{"open finding", `SELECT kind || ' ' || subject || ': ' || detail FROM findings WHERE state = 'open'`, false},
}

// look compares what there is with what the table of kinds has for what was done
// to the tenants, and returns what is left over or missing, a line each.
func (c *chaos) look(ctx context.Context) (all []found, left []string, err error) {
	if all, err = c.tenants(ctx); err != nil {
		return nil, nil, err
	}
	mails, err := c.caught(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, t := range all {
		for _, w := range judge(t, mails) {
			left = append(left, fmt.Sprintf("tenant %s, %s: %s", t.ID, t.Status, w))
		}
		for _, o := range t.operations {
			for _, m := range o.mails {
				delete(mails, m.id)
			}
		}
	}
	for id, n := range mails {
		left = append(left, fmt.Sprintf("%d mails with the id %q, which no row has", n, id))
	}
	for _, look := range []func(context.Context, []found) ([]string, error){
		c.leftovers, c.compareContracts, c.compareLedger, c.compareStories, c.openRuns,
	} {
		more, err := look(ctx, all)
		if err != nil {
			return nil, nil, err
		}
		left = append(left, more...)
	}
	return all, left, nil
}

// tenants reads every tenant with its operations.
func (c *chaos) tenants(ctx context.Context) ([]found, error) {
	rows, err := c.pool.Query(ctx, tenants)
	if err != nil {
		return nil, fmt.Errorf("read the tenants: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[found])
	if err != nil {
		return nil, fmt.Errorf("read the tenants: %w", err)
	}
	operations, err := c.operations(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].operations = operations[tenant.ID(all[i].ID)]
	}
	return all, nil
}

// operations reads those of each tenant, in order.
func (c *chaos) operations(ctx context.Context) (map[tenant.ID][]past, error) {
	all := map[tenant.ID][]past{}
	byID := map[tenant.OperationID]*past{}
	var o tenant.Operation
	err := c.read(ctx, "operations", `
		SELECT id::text, tenant_id::text, kind, state, generation, coalesce(from_status, ''), to_status, pivot_passed FROM operations ORDER BY id`,
		[]any{&o.ID, &o.TenantID, &o.Kind, &o.State, &o.Generation, &o.FromStatus, &o.ToStatus, &o.PivotPassed},
		func() { byID[o.ID] = &past{Operation: o, log: map[tenant.Step]map[tenant.StepStatus]int{}} })
	if err != nil {
		return nil, err
	}
	var step tenant.Step
	var status tenant.StepStatus
	var n int
	err = c.read(ctx, "log", `SELECT operation_id::text, step, status, count(*) FROM provisioning_logs GROUP BY 1, 2, 3`, []any{&o.ID, &step, &status, &n}, func() {
		log := byID[o.ID].log
		if log[step] == nil {
			log[step] = map[tenant.StepStatus]int{}
		}
		log[step][status] = n
	})
	if err != nil {
		return nil, err
	}
	err = c.read(ctx, "log", `SELECT operation_id::text, count(*) FROM provisioning_logs WHERE status = 'SKIPPED' AND error_class IS NOT NULL GROUP BY 1`,
		[]any{&o.ID, &n}, func() { byID[o.ID].givenUp = n })
	if err != nil {
		return nil, err
	}
	var m mail
	err = c.read(ctx, "mails", `SELECT operation_id::text, id::text, template, state FROM emails`, []any{&o.ID, &m.id, &m.template, &m.state}, func() {
		byID[o.ID].mails = append(byID[o.ID].mails, m)
	})
	if err != nil {
		return nil, err
	}
	for _, o := range byID {
		all[o.TenantID] = append(all[o.TenantID], *o)
	}
	for _, of := range all {
		slices.SortFunc(of, func(a, b past) int { return cmp.Compare(a.ID, b.ID) })
	}
	return all, nil
}

// read scans each row of a query.
func (c *chaos) read(ctx context.Context, what, sql string, into []any, each func(), args ...any) error {
	rows, err := c.pool.Query(ctx, sql, args...)
	if err == nil {
		_, err = pgx.ForEachRow(rows, into, func() error { each(); return nil })
	}
	if err != nil {
		return fmt.Errorf("read the %s: %w", what, err)
	}
	return nil
}

// withData lists the statuses of tenants whose contract is not ended.
func withData() (statuses []tenant.Status) {
	for _, s := range tenant.Statuses() {
		if s.Contract() != tenant.ContractTerminated {
			statuses = append(statuses, s)
		}
	}
	return statuses
}

func (c *chaos) leftovers(ctx context.Context, _ []found) (left []string, err error) {
	for _, l := range leftovers {
		var args []any
		if l.withData {
			args = []any{withData()}
		}
		rows, err := c.pool.Query(ctx, l.sql, args...)
		if err != nil {
			return nil, fmt.Errorf("look for a %s: %w", l.what, err)
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, fmt.Errorf("look for a %s: %w", l.what, err)
		}
		for _, name := range names {
			left = append(left, l.what+": "+name)
		}
	}
	return left, nil
}
