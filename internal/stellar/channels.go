package stellar

import (
	"context"
	"fmt"
	"slices"

	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"

	"tenant-provisioning/internal/stellar/rpc"
	"tenant-provisioning/internal/stellar/submit"
)

// maxOperations is the network's bound on one transaction.
const maxOperations = 100

// createAccounts creates those of the channel accounts and of the administrator's that
// are not on the ledger, with the reserve that an account must hold. They never pay a
// fee.
func (d *Deployer) createAccounts(ctx context.Context, progress func(string)) error {
	for some := range slices.Chunk(d.reserves(), maxOperations) {
		err := d.sendForAll(ctx, submit.PurposeChannels, func(ctx context.Context, floor uint32) ([]txnbuild.Operation, error) {
			return d.missingAccounts(ctx, some, floor, progress)
		}, progress)
		if err != nil {
			return err
		}
	}
	return nil
}

// reserves are the accounts that need their reserve and no more: the channels', and the
// administrator's where that is none of those which must have been there before.
func (d *Deployer) reserves() []string {
	if slices.Contains(d.funded(), d.admin.Address()) {
		return d.channels
	}
	return append(slices.Clone(d.channels), d.admin.Address())
}

func (d *Deployer) missingAccounts(ctx context.Context, addresses []string, floor uint32, progress func(string)) ([]txnbuild.Operation, error) {
	accounts, err := d.accounts(ctx, floor, addresses, progress)
	if err != nil {
		return nil, err
	}
	var ops []txnbuild.Operation
	for i, a := range accounts {
		if a == nil {
			ops = append(ops, &txnbuild.CreateAccount{Destination: addresses[i], Amount: fmt.Sprint(submit.AccountReserve), SourceAccount: d.Address()})
		}
	}
	return ops, nil
}

// accounts reads accounts, nil for one that is not there, as of a ledger that is not
// older than floor.
func (d *Deployer) accounts(ctx context.Context, floor uint32, addresses []string, progress func(string)) ([]*xdr.AccountEntry, error) {
	keys := make([]xdr.LedgerKey, len(addresses))
	for i, a := range addresses {
		var err error
		if keys[i], err = rpc.AccountKey(a); err != nil {
			return nil, err
		}
	}
	entries, _, err := d.rpc.Read(ctx, floor, progress, keys...)
	if err != nil {
		return nil, err
	}
	all := make([]*xdr.AccountEntry, len(entries))
	for i, e := range entries {
		if e != nil {
			account := e.MustAccount()
			all[i] = &account
		}
	}
	return all, nil
}

// Sequences are the sequence numbers of the given accounts, of the channels and of the
// administrator, as the ledger has them; an account that is not on it has none.
func (d *Deployer) Sequences(ctx context.Context, more []string) (map[string]int64, error) {
	addresses := slices.Concat(d.reserves(), more)
	slices.Sort(addresses)
	addresses = slices.Compact(addresses)
	accounts, err := d.accounts(ctx, 0, addresses, orSilent(nil))
	if err != nil {
		return nil, d.explain(err)
	}
	found := map[string]int64{}
	for i, a := range accounts {
		if a != nil {
			found[addresses[i]] = int64(a.SeqNum)
		}
	}
	return found, nil
}

// FirstSequence is the sequence number with which an account was made that has this one
// now: that of its ledger in the upper half.
func FirstSequence(now int64) int64 { return now &^ (1<<32 - 1) }
