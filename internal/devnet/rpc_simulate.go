package devnet

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"

	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/xdr"

	"tenant-provisioning/internal/devnet/sorohost"
)

func (n *Network) simulateTransaction(ctx context.Context, q protocol.SimulateTransactionRequest) (protocol.SimulateTransactionResponse, error) {
	var res protocol.SimulateTransactionResponse
	if err := checkFormat(q.Format); err != nil {
		res.Error = err.Error()
		return res, nil
	}
	var env xdr.TransactionEnvelope
	if err := xdr.SafeUnmarshalBase64(q.Transaction, &env); err != nil {
		res.Error = "Could not unmarshal transaction"
		return res, nil
	}
	// The lock keeps the ledger from changing under the host, and a new ledger
	// waiting: 1 ms for a deployment, 0.4 s at the instruction limit.
	n.mu.RLock()
	defer n.mu.RUnlock()
	seen := n.seen()
	res.LatestLedger = seen.latest().seq
	args, fault := n.simulation(env, q, seen)
	if fault != "" {
		res.Error = fault
		return res, nil
	}
	s, err := n.engine.Simulate(ctx, hostView{seen.view}, args)
	if err != nil {
		res.Error = err.Error()
		return res, nil
	}
	res.EventsXDR = b64s(s.Diagnostics)
	if s.Error != "" {
		res.Error = s.Error
		return res, nil
	}
	return res, report(&res, s, env.Operations()[0])
}

// simulation reads what is to be simulated, or says why it cannot be.
func (n *Network) simulation(env xdr.TransactionEnvelope, q protocol.SimulateTransactionRequest, seen *vantage) (sorohost.SimulateArgs, string) {
	ops := env.Operations()
	if len(ops) != 1 {
		return sorohost.SimulateArgs{}, "Transaction contains more than one operation"
	}
	op := ops[0]
	if env.Memo().Type != xdr.MemoTypeMemoNone && isSorobanOp(op) {
		return sorohost.SimulateArgs{}, "Transaction contains a memo. Soroban transactions do not support memos."
	}
	if !isSorobanOp(op) {
		return sorohost.SimulateArgs{}, fmt.Sprintf("Transaction contains unsupported operation type: %s", op.Body.Type)
	}
	source := env.SourceAccount().ToAccountId()
	if op.SourceAccount != nil {
		source = op.SourceAccount.ToAccountId()
	}
	args := sorohost.SimulateArgs{
		Operation: encode(op.Body), Source: encode(source), Info: n.info(n.after(seen.latest().seq, seen.latest().closeTime)), Mode: sorohost.Record,
		Upgraded: q.UseUpgradedAuth, //nolint:staticcheck // transitional, and still obeyed
	}
	if _, err := rand.Read(args.Seed[:]); err != nil {
		return args, err.Error()
	}
	if c := q.ResourceConfig; c != nil {
		if c.InstructionLeeway > math.MaxUint32 {
			return args, fmt.Sprintf("instructionLeeway %d is too large", c.InstructionLeeway)
		}
		args.Leeway = uint32(c.InstructionLeeway)
	}
	if invoke := op.Body.InvokeHostFunctionOp; invoke == nil {
		data := declaredResources(env)
		if data == nil {
			return args, "To perform a SimulateTransaction for ExtendFootprintTtl or RestoreFootprint operations, SorobanTransactionData must be provided"
		}
		args.Footprint = encode(data.Resources.Footprint)
	} else if len(invoke.Auth) > 0 {
		args.Mode = sorohost.Enforce
	}
	switch q.AuthMode {
	case "":
	case protocol.AuthModeEnforce:
		args.Mode = sorohost.Enforce
	case protocol.AuthModeRecord:
		args.Mode = sorohost.Record
	case protocol.AuthModeRecordAllowNonroot:
		args.Mode = sorohost.RecordNonRoot
	default:
		return args, fmt.Sprintf("unsupported authMode %q", q.AuthMode)
	}
	return args, ""
}

func declaredResources(env xdr.TransactionEnvelope) *xdr.SorobanTransactionData {
	inner := env.V1
	if env.IsFeeBump() {
		inner = env.FeeBump.Tx.InnerTx.V1
	}
	if inner == nil {
		return nil
	}
	return inner.Tx.Ext.SorobanData
}

func report(res *protocol.SimulateTransactionResponse, s sorohost.Simulation, op xdr.Operation) error {
	var data xdr.SorobanTransactionData
	if err := data.UnmarshalBinary(s.TransactionData); err != nil {
		return fmt.Errorf("decode the simulated transaction data: %w", err)
	}
	res.TransactionDataXDR, res.MinResourceFee = b64(s.TransactionData), int64(data.ResourceFee)
	if len(s.Restore) > 0 {
		var restore xdr.SorobanTransactionData
		if err := restore.UnmarshalBinary(s.Restore); err != nil {
			return fmt.Errorf("decode the simulated restoration: %w", err)
		}
		res.RestorePreamble = &protocol.RestorePreamble{TransactionDataXDR: b64(s.Restore), MinResourceFee: int64(restore.ResourceFee)}
	}
	if op.Body.Type == xdr.OperationTypeInvokeHostFunction {
		auth, value := b64s(s.Auth), b64(s.Value)
		res.Results = []protocol.SimulateHostFunctionResult{{AuthXDR: &auth, ReturnValueXDR: &value}}
	}
	for _, c := range s.Changes {
		change, err := stateChange(c)
		if err != nil {
			return err
		}
		res.StateChanges = append(res.StateChanges, change)
	}
	return nil
}

func stateChange(c sorohost.EntryChange) (protocol.LedgerEntryChange, error) {
	out := protocol.LedgerEntryChange{Type: protocol.LedgerEntryChangeTypeUpdated}
	some := c.After
	if len(c.Before) > 0 {
		out.BeforeXDR, some = ptr(b64(c.Before)), c.Before
	} else {
		out.Type = protocol.LedgerEntryChangeTypeCreated
	}
	if len(c.After) > 0 {
		out.AfterXDR = ptr(b64(c.After))
	} else {
		out.Type = protocol.LedgerEntryChangeTypeDeleted
	}
	key, err := decodeEntryKey(some)
	if err != nil {
		return out, err
	}
	out.KeyXDR = b64(encode(key))
	return out, nil
}

func decodeEntryKey(b []byte) (xdr.LedgerKey, error) {
	var e xdr.LedgerEntry
	if err := e.UnmarshalBinary(b); err != nil {
		return xdr.LedgerKey{}, fmt.Errorf("decode a simulated ledger entry: %w", err)
	}
	return e.LedgerKey()
}
