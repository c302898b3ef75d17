package main

import (
	"context"
	"fmt"

	"github.com/stellar/go-stellar-sdk/clients/rpcclient"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/xdr"

	"tenant-provisioning/internal/tenant"
)

// contract is one that was made for a generation of a tenant.
type contract struct {
	id, tenant string
	generation int
}

// must is what the contract says on the ledger: what the table of kinds has for the
// tenant's status, of its present generation; every other one is ended.
func (k contract) must(t found) tenant.ContractStatus {
	if k.generation == t.Generation {
		return t.leaves().Contract()
	}
	return tenant.ContractTerminated
}

// compareContracts asks every contract that was ever made for its status.
func (c *chaos) compareContracts(ctx context.Context, all []found) (wrong []string, err error) {
	of := map[string]found{}
	for _, t := range all {
		of[t.ID] = t
	}
	var k contract
	var contracts []contract
	if err := c.read(ctx, "contracts", `
		SELECT contract_id, tenant_id::text, generation FROM stellar_transactions
		WHERE purpose = 'DEPLOY_CONTRACT' AND state = 'APPLIED' ORDER BY created_at`,
		[]any{&k.id, &k.tenant, &k.generation}, func() { contracts = append(contracts, k) }); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, k := range contracts {
		status, err := c.ledger.Status(ctx, k.id)
		if err != nil {
			return nil, fmt.Errorf("ask contract %s: %w", k.id, err)
		}
		wrong = append(wrong, judgeContract(k, of[k.tenant], status)...)
		if seen[k.id] {
			wrong = append(wrong, fmt.Sprintf("contract %s of tenant %s is that of another generation too", k.id, k.tenant))
		}
		seen[k.id] = true
	}
	return wrong, nil
}

func judgeContract(k contract, t found, is tenant.ContractStatus) []string {
	if must := k.must(t); must != is {
		return []string{fmt.Sprintf("contract %s of tenant %s, %s, generation %d, answers %s, expected %s", k.id, k.tenant, t.leaves(), k.generation, is, must)}
	}
	return nil
}

// compareLedger holds the contracts that the deployer has ever made, by what the
// ledgers say, against those in the journal.
func (c *chaos) compareLedger(ctx context.Context, _ []found) ([]string, error) {
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
