package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	tenantcontract "tenant-provisioning/contracts/tenant"
)

// found is what there is of one tenant, everywhere.
type found struct {
	ID, Status, State, Schema, Role, Email string
	Contract                               *string
	Schemas, Roles, Users, Deployed        int
}

const tenants = `
SELECT t.id::text AS id, t.status, o.state, t.schema_name AS schema, t.role_name AS role, t.admin_email AS email, t.contract_id AS contract,
	(SELECT count(*) FROM pg_namespace WHERE nspname = t.schema_name) AS schemas,
	(SELECT count(*) FROM pg_roles WHERE rolname = t.role_name) AS roles,
	(SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = t.schema_name AND c.relname = 'users') AS users,
	(SELECT count(*) FROM stellar_transactions s WHERE s.tenant_id = t.id AND s.purpose = 'DEPLOY_CONTRACT' AND s.state = 'APPLIED') AS deployed
FROM tenants t JOIN operations o ON o.tenant_id = t.id ORDER BY t.id`

// leftovers are what belongs to nobody. Each gives a line for each thing.
var leftovers = map[string]string{
	"schema without a tenant": `SELECT nspname FROM pg_namespace n WHERE nspname LIKE 't\_%' AND NOT EXISTS (
		SELECT FROM tenants t WHERE t.schema_name = n.nspname AND t.status <> 'FAILED')`,
	"marked role without a tenant": `SELECT rolname FROM pg_roles r WHERE rolname LIKE 't\_%'
		AND position((SELECT id::text FROM installation) IN coalesce(shobj_description(r.oid, 'pg_authid'), '')) > 0
		AND NOT EXISTS (SELECT FROM tenants t WHERE t.role_name = r.rolname AND t.status <> 'FAILED')`,
	"transaction without an end": `SELECT hash FROM stellar_transactions WHERE state IN ('PREPARED', 'SENT')`,
	"step without an end": `SELECT l.step || ' of ' || l.tenant_id FROM provisioning_logs l JOIN operations o ON o.id = l.operation_id
		WHERE l.status = 'IN_PROGRESS' AND o.state IN ('SUCCEEDED', 'ROLLED_BACK')`,
	"mail without an end": `SELECT e.state || ' of ' || e.tenant_id FROM emails e JOIN operations o ON o.tenant_id = e.tenant_id
		WHERE o.state = 'SUCCEEDED' AND e.state <> 'SENT'`,
}

// look compares what there is with what the states say, and returns what is
// left over or missing, a line each.
func (c *chaos) look(ctx context.Context, r *report) ([]string, error) {
	rows, err := c.pool.Query(ctx, tenants)
	if err != nil {
		return nil, fmt.Errorf("read the tenants: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[found])
	if err != nil {
		return nil, fmt.Errorf("read the tenants: %w", err)
	}
	mails, err := c.caught(ctx)
	if err != nil {
		return nil, err
	}
	var left []string
	for _, t := range all {
		r.count(t)
		wrong, err := c.judge(ctx, t, mails[t.Email])
		if err != nil {
			return nil, err
		}
		for _, w := range wrong {
			left = append(left, fmt.Sprintf("tenant %s, %s (operation %s): %s", t.ID, t.Status, t.State, w))
		}
	}
	if want := r.rounds * r.perRound; len(all) != want {
		left = append(left, fmt.Sprintf("%d tenants were accepted, and there are %d", want, len(all)))
	}
	nobodys, err := c.leftovers(ctx)
	if err != nil {
		return nil, err
	}
	ledger, err := c.compareLedger(ctx)
	return append(append(left, nobodys...), ledger...), err
}

// judge says what a tenant has that its status does not say, or the reverse.
func (c *chaos) judge(ctx context.Context, t found, mails int) (wrong []string, err error) {
	expect := func(what string, got, want int) {
		if got != want {
			wrong = append(wrong, fmt.Sprintf("%d %s, expected %d", got, what, want))
		}
	}
	switch t.Status {
	case "ACTIVE":
		expect("schema", t.Schemas, 1)
		expect("role", t.Roles, 1)
		expect("table of users", t.Users, 1)
		expect("applied deployment", t.Deployed, 1)
		if t.State == "SUCCEEDED" {
			expect("mail", mails, 1)
		}
		if t.Contract == nil {
			return append(wrong, "no contract"), nil
		}
		status, err := c.ledger.Status(ctx, *t.Contract)
		if err != nil {
			return nil, fmt.Errorf("ask contract %s: %w", *t.Contract, err)
		}
		if status != tenantcontract.Active {
			wrong = append(wrong, fmt.Sprintf("its contract answers %d, expected %d, active", status, tenantcontract.Active))
		}
	case "FAILED":
		expect("schema", t.Schemas, 0)
		expect("role", t.Roles, 0)
		expect("mail", mails, 0)
		if t.Contract != nil {
			wrong = append(wrong, "it still names a contract")
		}
	default:
		if t.State == "SUCCEEDED" || t.State == "ROLLED_BACK" {
			wrong = append(wrong, "its operation has ended, but it is neither ACTIVE nor FAILED")
		}
	}
	return wrong, nil
}

func (c *chaos) leftovers(ctx context.Context) (left []string, err error) {
	for what, query := range leftovers {
		rows, err := c.pool.Query(ctx, query)
		if err != nil {
			return nil, fmt.Errorf("look for a %s: %w", what, err)
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, fmt.Errorf("look for a %s: %w", what, err)
		}
		for _, name := range names {
			left = append(left, what+": "+name)
		}
	}
	return left, nil
}

// caught counts the mails that the catcher has, by address.
func (c *chaos) caught(ctx context.Context) (map[string]int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.mails+"/messages", nil) //nolint:gosec // MAIL_CATCHER_URL is the stack's
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req) //nolint:gosec // MAIL_CATCHER_URL is the stack's
	if err != nil {
		return nil, fmt.Errorf("ask the mail catcher: %w", err)
	}
	defer resp.Body.Close()
	var messages []struct {
		To string `json:"to"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&messages); err != nil {
		return nil, fmt.Errorf("read the mail catcher's answer: %w", err)
	}
	count := map[string]int{}
	for _, m := range messages {
		count[m.To]++
	}
	return count, nil
}
