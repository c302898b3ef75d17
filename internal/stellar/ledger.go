package stellar

import (
	"context"
	"fmt"
	"time"

	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/xdr"

	"tenant-provisioning/internal/tenant"
)

// entry is one ledger entry. An archived one is not absent: it exists, and is
// restored by the next transaction that touches it.
type entry struct{ data xdr.LedgerEntryData }

// read fetches ledger entries by their keys, nil for one that does not exist,
// as of a ledger that is not older than floor. Servers lag behind each other
// and behind what they said of a transaction.
func (d *Deployer) read(ctx context.Context, floor uint32, progress func(string), keys ...xdr.LedgerKey) ([]*entry, uint32, error) {
	encoded := make([]string, len(keys))
	for i, k := range keys {
		var err error
		if encoded[i], err = xdr.MarshalBase64(k); err != nil {
			return nil, 0, fmt.Errorf("encode a ledger key: %w", err)
		}
	}
	var resp protocol.GetLedgerEntriesResponse
	err := d.until(ctx, floor, progress, func() (uint32, error) {
		var err error
		resp, err = call[protocol.GetLedgerEntriesResponse](ctx, d.rpc, protocol.GetLedgerEntriesMethodName, protocol.GetLedgerEntriesRequest{Keys: encoded})
		return resp.LatestLedger, err
	})
	if err != nil {
		return nil, 0, err
	}
	found := map[string]protocol.LedgerEntryResult{}
	for _, e := range resp.Entries {
		found[e.KeyXDR] = e
	}
	out := make([]*entry, len(keys))
	for i, k := range encoded {
		e, ok := found[k]
		if !ok {
			continue
		}
		var err error
		if out[i], err = parseEntry(e); err != nil {
			return nil, 0, garbled(protocol.GetLedgerEntriesMethodName, fmt.Errorf("decode a ledger entry: %w", err))
		}
	}
	return out, resp.LatestLedger, nil
}

// parseEntry also checks that the entry is of its key's type: whoever asked
// for an account takes one out of it.
func parseEntry(e protocol.LedgerEntryResult) (*entry, error) {
	var key xdr.LedgerKey
	if err := xdr.SafeUnmarshalBase64(e.KeyXDR, &key); err != nil {
		return nil, err
	}
	out := &entry{}
	if err := xdr.SafeUnmarshalBase64(e.DataXDR, &out.data); err != nil {
		return nil, err
	}
	if out.data.Type != key.Type {
		return nil, fmt.Errorf("a %s stands under the key of a %s", out.data.Type, key.Type)
	}
	return out, nil
}

// until repeats ask until it answers as of a ledger that is not older than
// floor. It gives up after patience.
func (d *Deployer) until(ctx context.Context, floor uint32, progress func(string), ask func() (uint32, error)) error {
	p := d.newPace()
	for deadline := d.cfg.Clock().Add(patience); ; {
		ledger, err := ask()
		if err != nil || ledger >= floor {
			return err
		}
		if d.cfg.Clock().After(deadline) {
			return &tenant.StepError{
				Step: tenant.StepDeployContract,
				Reason: fmt.Sprintf("the Stellar RPC server is at ledger %d and does not reach %d, which it or another one has announced; "+
					"it may be behind the network: set SOROBAN_RPC_URL to one that is not", ledger, floor),
			}
		}
		progress(fmt.Sprintf("waiting for the server to reach ledger %d", floor))
		if err := p.wait(ctx); err != nil {
			return err
		}
	}
}

func accountKey(id xdr.AccountId) xdr.LedgerKey {
	return xdr.LedgerKey{Type: xdr.LedgerEntryTypeAccount, Account: &xdr.LedgerKeyAccount{AccountId: id}}
}

func codeKey(hash xdr.Hash) xdr.LedgerKey {
	return xdr.LedgerKey{Type: xdr.LedgerEntryTypeContractCode, ContractCode: &xdr.LedgerKeyContractCode{Hash: hash}}
}

func instanceKey(id xdr.ContractId) xdr.LedgerKey {
	return xdr.LedgerKey{Type: xdr.LedgerEntryTypeContractData, ContractData: &xdr.LedgerKeyContractData{
		Contract:   contractScAddress(id),
		Key:        xdr.ScVal{Type: xdr.ScValTypeScvLedgerKeyContractInstance},
		Durability: xdr.ContractDataDurabilityPersistent,
	}}
}

// pace spaces the questions of one wait: soon at first, then ever later.
type pace struct {
	next, longest time.Duration
}

func (d *Deployer) newPace() *pace {
	return &pace{next: max(d.cfg.PollInterval/16, time.Millisecond), longest: d.cfg.PollInterval}
}

func (p *pace) wait(ctx context.Context) error {
	t := time.NewTimer(p.next)
	defer t.Stop()
	p.next = min(p.next*3/2, p.longest)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
