package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stellar/go-stellar-sdk/clients/rpcclient"

	tenantcontract "tenant-provisioning/contracts/tenant"
	"tenant-provisioning/internal/connect"
)

// check is one thing that a user would look at, for one tenant.
type check struct {
	what   string
	tenant string
	err    error
}

const (
	checkSchema     = "schema in PostgreSQL, with tables and a role of its own"
	checkContract   = "contract that answers \"active\" over Stellar RPC"
	checkMail       = "welcome mail in the catcher"
	checkInvitation = "invitation link that opens a page"
)

// lookAt looks at what was made for the tenants, everywhere but in the API. It
// returns the invitation links as well, by tenant.
func lookAt(ctx context.Context, s settings, lines []line) (checks []check, links map[string]string, err error) {
	db, err := connect.Database(ctx, s.DB, "demo", connect.Metrics{})
	if err != nil {
		return nil, nil, fmt.Errorf("connect to the database: %w", err)
	}
	defer db.Close()
	rpc := rpcclient.NewClient(s.Soroban.RPCURL, nil)
	defer rpc.Close() //nolint:errcheck // reading is over
	messages, err := caughtMail(ctx, s.mailCatcher)
	if err != nil {
		return nil, nil, err
	}
	links = map[string]string{}
	for _, l := range lines {
		note := func(what string, err error) { checks = append(checks, check{what, l.name, err}) }
		note(checkSchema, hasSchema(ctx, db, l.schema))
		note(checkContract, isActive(ctx, rpc, l.contract))
		link, err := invitation(messages, l)
		note(checkMail, err)
		if err != nil {
			continue
		}
		links[l.name] = link
		note(checkInvitation, opens(ctx, link))
	}
	return checks, links, nil
}

func hasSchema(ctx context.Context, db *pgxpool.Pool, schema string) error {
	var tables int
	var role bool
	err := db.QueryRow(ctx, `SELECT (SELECT count(*) FROM pg_tables WHERE schemaname = $1),
		EXISTS (SELECT FROM pg_roles WHERE rolname = $1 AND NOT rolcanlogin)`, schema).Scan(&tables, &role)
	switch {
	case err != nil:
		return fmt.Errorf("look for schema %s: %w", schema, err)
	case tables == 0:
		return fmt.Errorf("schema %s has no tables", schema)
	case !role:
		return fmt.Errorf("there is no role %s without login", schema)
	}
	return nil
}

func isActive(ctx context.Context, rpc *rpcclient.Client, contract string) error {
	status, err := contractStatus(ctx, rpc, contract)
	if err != nil {
		return err
	}
	if status != tenantcontract.Active {
		return fmt.Errorf("contract %s has status %d, expected %d", contract, status, tenantcontract.Active)
	}
	return nil
}

// failed lists the checks that found something wrong.
func failed(checks []check) []check {
	var bad []check
	for _, c := range checks {
		if c.err != nil {
			bad = append(bad, c)
		}
	}
	return bad
}
