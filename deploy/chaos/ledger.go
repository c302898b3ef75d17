package main

import (
	"context"
	"fmt"

	"github.com/stellar/go-stellar-sdk/clients/rpcclient"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/xdr"
)

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
