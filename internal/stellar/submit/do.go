package submit

import (
	"context"
	"slices"
	"time"

	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"

	"tenant-provisioning/internal/stellar/rpc"
	"tenant-provisioning/internal/tenant"
)

// Order is one effect on the ledger, to be had by one transaction.
type Order struct {
	Purpose Purpose
	// Fence is zero for what is of no operation. The deployer itself sends what serves
	// all tenants; a channel account sends the rest.
	Fence tenant.Fence
	// ContractID and TargetStatus go into the journal with it.
	ContractID   string
	TargetStatus tenant.ContractStatus
	// Floor is the oldest ledger on which the order may be simulated.
	Floor uint32
	// Operations gives what to do, or none if it is done already. It is called
	// with the account in our hands and a ledger that knows its last
	// transaction.
	Operations func(ctx context.Context, floor uint32) ([]txnbuild.Operation, error)
}

func (o Order) shared() bool { return o.Fence == tenant.Fence{} && !o.Purpose.ofContract() }

// Do leases an account, journals one transaction and brings it to its
// end, whichever that is. Nothing is journalled when it returns ErrInFlight,
// ErrLeaseLost, ErrNothingToDo, ErrNoChannel, a *CodeArchivedError, an *rpc.SimulationError or
// tenant.ErrSuperseded.
func (s *Submitter) Do(ctx context.Context, o Order, progress func(string)) (Transaction, error) {
	if err := s.rpc.Confirm(ctx); err != nil {
		return Transaction{}, err
	}
	if err := s.afford(ctx, o); err != nil {
		return Transaction{}, err
	}
	slots, addresses := s.channelSlots, s.addresses
	if o.shared() {
		slots, addresses = s.deployerSlot, []string{s.cfg.Deployer.Address()}
	}
	if err := s.acquireSlot(ctx, slots, progress); err != nil {
		return Transaction{}, err
	}
	defer func() { <-slots }()

	l, err := s.lease(ctx, addresses, progress)
	if err != nil {
		return Transaction{}, err
	}
	tx, err := s.prepare(ctx, l, o, progress)
	if err != nil {
		s.release(ctx, l)
		return Transaction{}, err
	}
	return s.fly(ctx, tx, true, true, progress)
}

// prepare makes a transaction and journals it.
func (s *Submitter) prepare(ctx context.Context, l Lease, o Order, progress func(string)) (Transaction, error) {
	if _, err := s.signer(l.Address); err != nil {
		return Transaction{}, err
	}
	sequence, ledger, err := s.sequence(ctx, l, progress)
	if err != nil {
		return Transaction{}, err
	}
	ops, err := o.Operations(ctx, max(o.Floor, ledger))
	if err != nil {
		return Transaction{}, err
	}
	if len(ops) == 0 {
		return Transaction{}, ErrNothingToDo
	}
	tx := Transaction{
		Fence: o.Fence, Purpose: o.Purpose, ContractID: o.ContractID, TargetStatus: o.TargetStatus, State: StatePrepared,
		Network: s.cfg.Passphrase, Channel: l.Address, Sequence: sequence + 1, AfterLedger: ledger,
	}
	if err := s.compose(ctx, &tx, ops, o.Floor, progress); err != nil {
		return Transaction{}, err
	}
	if err := s.journal.Prepare(ctx, l, tx); err != nil {
		return Transaction{}, err
	}
	return tx, nil
}

// compose simulates the operation, if it is a call, and has the transaction signed.
func (s *Submitter) compose(ctx context.Context, tx *Transaction, ops []txnbuild.Operation, floor uint32, progress func(string)) error {
	progress("simulating " + string(tx.Purpose))
	resources, err := s.simulate(ctx, tx, ops[0], floor, progress)
	if err != nil {
		return err
	}
	progress("asking for the network's fees")
	fee, err := s.Fee(ctx, tx.Purpose, resources, len(ops))
	if err != nil {
		return err
	}
	if err := s.leaveReserve(ctx, tx.Purpose, fee); err != nil {
		return err
	}
	tx.MaxTime = time.Unix(max(s.closeTime.Load(), s.cfg.Clock().Unix()), 0).Add(s.cfg.Validity)
	inner, err := build(tx.Channel, tx.Sequence, tx.MaxTime.Unix(), ops)
	if err != nil {
		return err
	}
	tx.Hash, tx.Envelope, err = s.seal(ctx, inner, fee)
	return err
}

// simulate gives an operation the resources that it needs, and tells their price in
// stroops; 0 for one that is no business of contracts.
func (s *Submitter) simulate(ctx context.Context, tx *Transaction, op txnbuild.Operation, floor uint32, progress func(string)) (int64, error) {
	var call rpc.Simulation
	var err error
	switch op := op.(type) {
	case *txnbuild.InvokeHostFunction:
		if call, err = s.rpc.Simulate(ctx, tx.Channel, op, floor, progress); err != nil {
			return 0, err
		}
		if code := slices.DeleteFunc(slices.Clone(call.Restores), isNoCode); len(code) > 0 {
			return 0, &CodeArchivedError{code}
		}
		op.Auth, op.Ext = call.Auth, extension(&call.Data)
	case *txnbuild.ExtendFootprintTtl:
		if call, err = s.rpc.SimulateFootprint(ctx, tx.Channel, op, floor, progress); err != nil {
			return 0, err
		}
		op.Ext = extension(&call.Data)
	case *txnbuild.RestoreFootprint:
		if call, err = s.rpc.SimulateFootprint(ctx, tx.Channel, op, floor, progress); err != nil {
			return 0, err
		}
		op.Ext = extension(&call.Data)
	default:
		return 0, nil
	}
	tx.AfterLedger = min(tx.AfterLedger, call.Ledger)
	return int64(call.Data.ResourceFee), nil
}

func extension(data *xdr.SorobanTransactionData) xdr.TransactionExt {
	return xdr.TransactionExt{V: 1, SorobanData: data}
}

func isNoCode(k xdr.LedgerKey) bool { return k.Type != xdr.LedgerEntryTypeContractCode }

// sequence is the number that the account's last transaction used: the greater
// of ours and the ledger's, because a server may tell of a transaction before
// it tells of its account.
func (s *Submitter) sequence(ctx context.Context, l Lease, progress func(string)) (number int64, ledger uint32, err error) {
	p := s.rpc.NewPace()
	for deadline := s.cfg.Clock().Add(catchUp); ; {
		progress("reading account " + l.Address)
		account, ledger, err := s.rpc.Account(ctx, l.Address, progress)
		if err != nil {
			return 0, 0, err
		}
		switch {
		case account == nil && l.Address == s.cfg.Deployer.Address():
			return 0, 0, s.Unfunded(l.Address, "it is not on the ledger")
		case account == nil:
			return 0, 0, ErrNoChannel
		}
		onLedger := int64(account.SeqNum)
		// What serves all tenants is looked up before it is done again, and
		// needs a ledger that knows what we did last.
		if onLedger >= l.Sequence || l.Address != s.cfg.Deployer.Address() || s.cfg.Clock().After(deadline) {
			return max(l.Sequence, onLedger), ledger, nil
		}
		if err := p.Wait(ctx); err != nil {
			return 0, 0, err
		}
	}
}

// catchUp is how far behind itself a server may be. One that stays behind
// longer belongs to a network that began anew.
const catchUp = 10 * time.Second
