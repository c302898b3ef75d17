package sorohost

import (
	"context"
	"encoding/binary"
	"fmt"
)

// Status says how the execution of an operation ended.
type Status uint64

const (
	// OK means that the changes are to be kept.
	OK Status = iota
	// Trapped means that the contract or the host refused.
	Trapped
	// ResourceLimitExceeded means that more was used than was declared.
	ResourceLimitExceeded
	// EntryArchived means that an archived entry was not in the restore list.
	EntryArchived
)

// Change is what became of one key of the footprint.
type Change struct {
	Key            []byte // LedgerKey
	Value          []byte // LedgerEntry; empty: removed, or only its TTL changed
	ReadOnly       bool   // only the TTL can have changed
	HasTTL         bool
	OldTTL, NewTTL uint32 // live-until ledgers
}

// Result is the outcome of Invoke and TTL. Fees are in stroops.
type Result struct {
	Status           Status
	Error            string
	CPU, Memory      uint64
	RentFee          int64
	NonRefundableFee int64
	EventsFee        int64  // the refundable part apart from rent
	EventsSize       uint64 // bytes of events and return value
	Value            []byte // ScVal
	Changes          []Change
	Events           [][]byte // ContractEvent
	Diagnostics      [][]byte // DiagnosticEvent
}

// InvokeArgs are the arguments of Invoke, as XDR where they are bytes.
type InvokeArgs struct {
	Function     []byte   // HostFunction
	Resources    []byte   // SorobanResources
	Restored     []uint32 // indices of archived entries in the read-write footprint
	Source       []byte   // AccountId
	Auth         [][]byte // SorobanAuthorizationEntry
	Info         Info
	Seed         [32]byte
	EnvelopeSize int // bytes
}

// Invoke executes a host function within the declared resources.
func (e *Engine) Invoke(ctx context.Context, l Ledger, a InvokeArgs) (Result, error) {
	var restored []byte
	for _, i := range a.Restored {
		restored = binary.LittleEndian.AppendUint32(restored, i)
	}
	return result(e.call(ctx, l, "sh_invoke", 6, a.Function, a.Resources, restored, a.Source,
		bundle(a.Auth...), a.Info.bytes(), a.Seed[:], number(a.EnvelopeSize)))
}

// TTL executes ExtendFootprintTtl and RestoreFootprint (an OperationBody).
func (e *Engine) TTL(ctx context.Context, l Ledger, info Info, operation, resources []byte, envelopeSize int) (Result, error) {
	return result(e.call(ctx, l, "sh_ttl", 6, operation, resources, info.bytes(), number(envelopeSize)))
}

func result(out [][]byte, err error) (Result, error) {
	if err != nil {
		return Result{}, err
	}
	r := Result{Error: string(out[0]), Value: out[2]}
	if err := r.decode(out); err != nil {
		return Result{}, fmt.Errorf("decode the host's result: %w", err)
	}
	return r, nil
}

func (r *Result) decode(out [][]byte) error {
	n, err := numbers(out[1], 7)
	if err != nil {
		return err
	}
	r.Status, r.CPU, r.Memory = Status(n[0]), n[1], n[2]
	r.RentFee, r.NonRefundableFee, r.EventsFee, r.EventsSize = int64(n[3]), int64(n[4]), int64(n[5]), n[6]
	changes, err := unbundle(out[3])
	if err != nil {
		return err
	}
	for _, c := range changes {
		change, err := decodeChange(c)
		if err != nil {
			return err
		}
		r.Changes = append(r.Changes, change)
	}
	if r.Events, err = unbundle(out[4]); err != nil {
		return err
	}
	r.Diagnostics, err = unbundle(out[5])
	return err
}

func decodeChange(b []byte) (Change, error) {
	f, err := unbundle(b)
	if err != nil || len(f) != 4 || len(f[2]) != 1 {
		return Change{}, errTruncated
	}
	c := Change{Key: f[0], Value: f[1], ReadOnly: f[2][0] == 1}
	if len(f[3]) == 0 {
		return c, nil
	}
	ttl, err := numbers(f[3], 2)
	if err != nil {
		return Change{}, err
	}
	c.HasTTL, c.OldTTL, c.NewTTL = true, uint32(ttl[0]), uint32(ttl[1])
	return c, nil
}
