package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// found is what there is of one tenant in the database, and how its latest
// operation has ended.
type found struct {
	ID, Status, State, Email string
	Generation               int
	// Mail is the state of this generation's, empty when none was begun.
	Mail              string
	Contract          bool // its row names one
	Schemas, Roles    int
	Owned, Users      int
	Deployed          int // applied deployments of the contract that it names
	Completed, Passed int // steps, and steps that were skipped
}

const tenants = `
SELECT t.id::text AS id, t.status, o.state, t.admin_email AS email, t.generation,
	coalesce((SELECT e.state FROM emails e JOIN operations o ON o.id = e.operation_id WHERE e.tenant_id = t.id AND o.generation = t.generation AND e.template = 'welcome'), '') AS mail,
	t.contract_id IS NOT NULL AS contract,
	(SELECT count(*) FROM pg_namespace WHERE nspname = t.schema_name) AS schemas,
	(SELECT count(*) FROM pg_roles WHERE rolname = t.role_name) AS roles,
	(SELECT count(*) FROM tenant_schema_versions v WHERE v.tenant_id = t.id) AS owned,
	(SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = t.schema_name AND c.relname = 'users') AS users,
	(SELECT count(*) FROM stellar_transactions s WHERE s.tenant_id = t.id AND s.generation = t.generation AND s.contract_id = t.contract_id
		AND s.purpose = 'DEPLOY_CONTRACT' AND s.state = 'APPLIED') AS deployed,
	(SELECT count(*) FROM provisioning_logs l WHERE l.operation_id = o.id AND l.status = 'COMPLETED') AS completed,
	(SELECT count(*) FROM provisioning_logs l WHERE l.operation_id = o.id AND l.status = 'SKIPPED') AS passed
FROM tenants t JOIN operations o ON o.tenant_id = t.id AND o.generation = t.generation ORDER BY t.id`

// leftovers are what belongs to nobody, or has no end. Each gives a line for
// each thing.
var leftovers = []struct{ what, sql string }{
	{"schema without a tenant", `SELECT nspname FROM pg_namespace n WHERE nspname LIKE 't\_%' AND NOT EXISTS (
		SELECT FROM tenants t WHERE t.schema_name = n.nspname AND t.status <> 'FAILED')`},
	{"marked role without a tenant", `SELECT rolname FROM pg_roles r WHERE rolname LIKE 't\_%'
		AND position((SELECT id::text FROM installation) IN coalesce(shobj_description(r.oid, 'pg_authid'), '')) > 0
		AND NOT EXISTS (SELECT FROM tenants t WHERE t.role_name = r.rolname AND t.status <> 'FAILED')`},
	{"open operation", `SELECT state || ' of ' || tenant_id FROM operations WHERE state NOT IN ('SUCCEEDED', 'ROLLED_BACK')`},
	{"transaction without an end", `SELECT hash FROM stellar_transactions WHERE state IN ('PREPARED', 'SENT')`},
	{"step without an end", `SELECT l.step || ' of ' || l.tenant_id FROM provisioning_logs l JOIN operations o ON o.id = l.operation_id
		WHERE l.status = 'IN_PROGRESS' AND o.state IN ('SUCCEEDED', 'ROLLED_BACK')`},
	{"mail without an end", `SELECT e.state || ' of ' || e.tenant_id FROM emails e WHERE e.state = 'SENDING'`},
	{"open incident", `SELECT dependency || ': ' || cause FROM incidents WHERE closed_at IS NULL`},
	{"open finding", `SELECT kind || ' ' || subject || ': ' || detail FROM findings WHERE state = 'open'`},
}

// look compares what there is with what the states say and with what was done
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
		for _, w := range judge(t, mails[t.Email]) {
			left = append(left, fmt.Sprintf("tenant %s, %s (operation %s): %s", t.ID, t.Status, t.State, w))
		}
		delete(mails, t.Email)
	}
	for address, n := range mails {
		left = append(left, fmt.Sprintf("%d mails to %s, which no tenant has", n, address))
	}
	for _, look := range []func(context.Context) ([]string, error){
		c.leftovers, c.compareContracts, c.compareLedger, c.compareStories, c.openRuns,
	} {
		more, err := look(ctx)
		if err != nil {
			return nil, nil, err
		}
		left = append(left, more...)
	}
	return all, left, nil
}

func (c *chaos) tenants(ctx context.Context) ([]found, error) {
	rows, err := c.pool.Query(ctx, tenants)
	if err != nil {
		return nil, fmt.Errorf("read the tenants: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[found])
	if err != nil {
		return nil, fmt.Errorf("read the tenants: %w", err)
	}
	return all, nil
}

func (c *chaos) leftovers(ctx context.Context) (left []string, err error) {
	for _, l := range leftovers {
		rows, err := c.pool.Query(ctx, l.sql)
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
