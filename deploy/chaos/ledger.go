package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/stellar/go-stellar-sdk/clients/rpcclient"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/xdr"

	"tenant-provisioning/internal/tenant"
)

// compareContracts asks every contract that was ever made for its status: that of
// an active tenant's present generation is active, every other one is ended.
func (c *chaos) compareContracts(ctx context.Context) (wrong []string, err error) {
	rows, err := c.pool.Query(ctx, `
		SELECT s.contract_id, s.tenant_id::text || ', generation ' || s.generation, t.status = 'ACTIVE' AND t.generation = s.generation
		FROM stellar_transactions s JOIN tenants t ON t.id = s.tenant_id
		WHERE s.purpose = 'DEPLOY_CONTRACT' AND s.state = 'APPLIED' ORDER BY s.created_at`)
	if err != nil {
		return nil, fmt.Errorf("read the contracts: %w", err)
	}
	type contract struct {
		id, of string
		used   bool
	}
	contracts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k contract, err error) { return k, row.Scan(&k.id, &k.of, &k.used) })
	if err != nil {
		return nil, fmt.Errorf("read the contracts: %w", err)
	}
	seen := map[string]bool{}
	for _, k := range contracts {
		want := tenant.ContractTerminated
		if k.used {
			want = tenant.ContractActive
		}
		status, err := c.ledger.Status(ctx, k.id)
		if err != nil {
			return nil, fmt.Errorf("ask contract %s: %w", k.id, err)
		}
		if status != want {
			wrong = append(wrong, fmt.Sprintf("contract %s of tenant %s answers %s, expected %s", k.id, k.of, status, want))
		}
		if seen[k.id] {
			wrong = append(wrong, fmt.Sprintf("contract %s of tenant %s is that of another generation too", k.id, k.of))
		}
		seen[k.id] = true
	}
	return wrong, nil
}

// compareLedger holds the contracts that the deployer has ever made, by what the
// ledgers say, against those in the journal.
func (c *chaos) compareLedger(ctx context.Context) ([]string, error) {
	made, err := c.contractsMade(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the ledgers: %w", err)
	}
	var journal int
	if err := c.pool.QueryRow(ctx, `SELECT count(*) FROM stellar_transactions WHERE purpose = 'DEPLOY_CONTRACT' AND state = 'APPLIED'`).Scan(&journal); err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	if made != journal {
		return []string{fmt.Sprintf("the ledgers have %d contracts of the deployer, the journal %d", made, journal)}, nil
	}
	return nil, nil
}

func (c *chaos) contractsMade(ctx context.Context) (made int, err error) {
	rpc := rpcclient.NewClient(c.rpc, c.http)
	defer rpc.Close() //nolint:errcheck // reading is over
	health, err := rpc.GetHealth(ctx)
	if err != nil {
		return 0, err
	}
	for q := (protocol.GetTransactionsRequest{StartLedger: health.OldestLedger}); ; {
		page, err := rpc.GetTransactions(ctx, q)
		if err != nil {
			return 0, err
		}
		if len(page.Transactions) == 0 {
			return made, nil
		}
		for _, tx := range page.Transactions {
			if tx.Status != protocol.TransactionStatusSuccess {
				continue
			}
			n, err := creations(tx.EnvelopeXDR, c.deployer)
			if err != nil {
				return 0, err
			}
			made += n
		}
		q = protocol.GetTransactionsRequest{Pagination: &protocol.LedgerPaginationOptions{Cursor: page.Cursor}}
	}
}

// creations counts the contracts that a transaction makes for an account.
func creations(envelope, account string) (n int, err error) {
	var e xdr.TransactionEnvelope
	if err := xdr.SafeUnmarshalBase64(envelope, &e); err != nil {
		return 0, err
	}
	for _, op := range e.Operations() {
		call, ok := op.Body.GetInvokeHostFunctionOp()
		if !ok || call.HostFunction.CreateContractV2 == nil {
			continue
		}
		from := call.HostFunction.CreateContractV2.ContractIdPreimage.FromAddress
		if from != nil && from.Address.AccountId != nil && from.Address.AccountId.Address() == account {
			n++
		}
	}
	return n, nil
}
