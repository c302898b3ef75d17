package stellar

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"

	"tenant-provisioning/internal/tenant"
)

// order is one effect on the ledger, to be had by one transaction.
type order struct {
	purpose Purpose
	// fence is zero for what serves all tenants. The deployer itself sends
	// that; a channel account sends the rest.
	fence    tenant.Fence
	contract string
	// floor is the oldest ledger on which the order may be simulated.
	floor uint32
	// operations gives what to do, or none if it is done already. It is called
	// with the account in our hands and a ledger that knows its last
	// transaction.
	operations func(ctx context.Context, floor uint32) ([]txnbuild.Operation, error)
}

// errNothingToDo tells that somebody else has brought about the effect.
var errNothingToDo = errors.New("nothing to do")

func (o order) shared() bool { return o.fence == tenant.Fence{} }

// transact leases an account, journals one transaction and brings it to its
// end, whichever that is. Nothing is journalled when it returns ErrInFlight,
// ErrLeaseLost, a *simulationError or tenant.ErrSuperseded.
func (d *Deployer) transact(ctx context.Context, o order, progress func(string)) (Transaction, error) {
	if err := d.confirmNetwork(ctx); err != nil {
		return Transaction{}, err
	}
	slots, addresses := d.channelSlots, d.addresses
	if o.shared() {
		slots, addresses = d.deployerSlot, []string{d.Address()}
	}
	if err := d.enter(ctx, slots, progress); err != nil {
		return Transaction{}, err
	}
	defer func() { <-slots }()

	l, err := d.lease(ctx, addresses, progress)
	if err != nil {
		return Transaction{}, err
	}
	tx, err := d.prepare(ctx, l, o, progress)
	if err != nil {
		d.release(ctx, l)
		return Transaction{}, err
	}
	return d.fly(ctx, tx, true, true, progress)
}

// prepare makes a transaction and journals it.
func (d *Deployer) prepare(ctx context.Context, l Lease, o order, progress func(string)) (Transaction, error) {
	source, err := d.key(l.Address)
	if err != nil {
		return Transaction{}, err
	}
	sequence, ledger, err := d.sequence(ctx, l, progress)
	if err != nil {
		return Transaction{}, err
	}
	ops, err := o.operations(ctx, max(o.floor, ledger))
	if err != nil {
		return Transaction{}, err
	}
	if len(ops) == 0 {
		return Transaction{}, errNothingToDo
	}
	tx := Transaction{
		Fence: o.fence, Purpose: o.purpose, ContractID: o.contract, State: StatePrepared,
		Network: d.cfg.Passphrase, Channel: l.Address, Sequence: sequence + 1, AfterLedger: ledger,
	}
	if err := d.compose(ctx, &tx, source, ops, o.floor, progress); err != nil {
		return Transaction{}, err
	}
	if err := d.journal.Prepare(ctx, l, tx); err != nil {
		return Transaction{}, err
	}
	return tx, nil
}

// compose simulates the operation, if it is a call, and signs the transaction.
func (d *Deployer) compose(ctx context.Context, tx *Transaction, source *keypair.Full, ops []txnbuild.Operation, floor uint32, progress func(string)) error {
	var resources int64
	if op, ok := ops[0].(*txnbuild.InvokeHostFunction); ok {
		progress("simulating " + string(tx.Purpose))
		s, err := d.simulate(ctx, source.Address(), op, floor, progress)
		if err != nil {
			return err
		}
		op.Auth, op.Ext = s.auth, xdr.TransactionExt{V: 1, SorobanData: &s.data}
		resources = int64(s.data.ResourceFee)
		tx.AfterLedger = min(tx.AfterLedger, s.ledger)
	}
	progress("asking for the network's fees")
	fee, err := d.fee(ctx, tx.Purpose, resources, len(ops))
	if err != nil {
		return err
	}
	tx.MaxTime = time.Unix(max(d.closeTime.Load(), d.cfg.Clock().Unix()), 0).Add(d.cfg.Validity)
	inner, err := build(source.Address(), tx.Sequence, tx.MaxTime.Unix(), ops)
	if err != nil {
		return err
	}
	tx.Hash, tx.Envelope, err = d.seal(inner, source, fee)
	return err
}

// sequence is the number that the account's last transaction used: the greater
// of ours and the ledger's, because a server may tell of a transaction before
// it tells of its account.
func (d *Deployer) sequence(ctx context.Context, l Lease, progress func(string)) (number int64, ledger uint32, err error) {
	id, err := xdr.AddressToAccountId(l.Address)
	if err != nil {
		return 0, 0, fmt.Errorf("read the address of an account: %w", err)
	}
	p := d.newPace()
	for deadline := d.cfg.Clock().Add(catchUp); ; {
		progress("reading account " + l.Address)
		entries, ledger, err := d.read(ctx, 0, progress, accountKey(id))
		if err != nil {
			return 0, 0, err
		}
		switch {
		case entries[0] == nil && l.Address == d.Address():
			return 0, 0, d.unfunded(l.Address, "it is not on the ledger")
		case entries[0] == nil:
			if err := d.createChannels(ctx, progress); err != nil {
				return 0, 0, err
			}
		default:
			onLedger := int64(entries[0].data.MustAccount().SeqNum)
			// What serves all tenants is looked up before it is done again, and
			// needs a ledger that knows what we did last.
			if onLedger >= l.Sequence || l.Address != d.Address() || d.cfg.Clock().After(deadline) {
				return max(l.Sequence, onLedger), ledger, nil
			}
		}
		if err := p.wait(ctx); err != nil {
			return 0, 0, err
		}
	}
}

// catchUp is how far behind itself a server may be. One that stays behind
// longer belongs to a network that began anew.
const catchUp = 10 * time.Second
