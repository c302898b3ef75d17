package sorohost

import (
	"context"
	"fmt"
)

// AuthMode says what a simulation does about require_auth.
type AuthMode byte

const (
	// Enforce judges the authorisation entries of the operation.
	Enforce AuthMode = iota
	// Record notes which entries would be needed.
	Record
	// RecordNonRoot also notes those that do not start at the root invocation.
	RecordNonRoot
)

// SimulateArgs are the arguments of Simulate, as XDR where they are bytes.
type SimulateArgs struct {
	Operation []byte // OperationBody: invoke, extend or restore
	Source    []byte // AccountId
	Footprint []byte // LedgerFootprint, for extend and restore
	Info      Info
	Seed      [32]byte // of the contract's random numbers
	Mode      AuthMode
	Upgraded  bool // record the newer address credentials
	// Leeway is how many instructions are declared beyond those measured, at
	// least; of invoke.
	Leeway uint32
}

// Simulation is the outcome of Simulate, as XDR where it is bytes.
type Simulation struct {
	Error           string // a contract's failure; the other fields are then partly empty
	TransactionData []byte // SorobanTransactionData
	Value           []byte // ScVal
	Auth            [][]byte
	Diagnostics     [][]byte // DiagnosticEvent
	Events          [][]byte // ContractEvent
	Changes         []EntryChange
	CPU, Memory     uint64 // instructions, bytes
	// Restore is the SorobanTransactionData of the restoration that an extend of
	// archived entries needs before it.
	Restore []byte
}

// EntryChange is a LedgerEntry before and after; one of them may be empty.
type EntryChange struct {
	Before, After []byte
}

// Simulate runs an operation on the ledger without changing it. Its error is
// one of the glue or of malformed input; a contract's failure is in the result.
func (e *Engine) Simulate(ctx context.Context, l Ledger, a SimulateArgs) (Simulation, error) {
	flags := []byte{byte(a.Mode), 0}
	if a.Upgraded {
		flags[1] = 1
	}
	out, err := e.call(ctx, l, "sh_simulate", 9, a.Operation, a.Source, a.Footprint, a.Info.bytes(), a.Seed[:], flags, number(int(a.Leeway)))
	if err != nil {
		return Simulation{}, err
	}
	s := Simulation{Error: string(out[0]), TransactionData: out[1], Value: out[2], Restore: out[8]}
	if len(out[7]) == 0 { // extend and restore run no contract
		return s, nil
	}
	if err := s.decode(out); err != nil {
		return Simulation{}, fmt.Errorf("sh_simulate: %w", err)
	}
	return s, nil
}

func (s *Simulation) decode(out [][]byte) error {
	consumed, err := numbers(out[7], 2)
	if err != nil {
		return err
	}
	s.CPU, s.Memory = consumed[0], consumed[1]
	var entries [][]byte
	for i, list := range []*[][]byte{&s.Auth, &s.Diagnostics, &s.Events, &entries} {
		if *list, err = unbundle(out[3+i]); err != nil {
			return err
		}
	}
	for i := 0; i+1 < len(entries); i += 2 {
		s.Changes = append(s.Changes, EntryChange{Before: entries[i], After: entries[i+1]})
	}
	return nil
}
