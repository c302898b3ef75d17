package sorohost

import (
	"context"
	"encoding/binary"
	"fmt"
)

// Info is the part of the ledger header that contracts can see.
type Info struct {
	Protocol    uint32
	Sequence    uint32
	CloseTime   uint64 // seconds since 1970
	BaseReserve uint32 // stroops
	NetworkID   [32]byte
}

func (i Info) bytes() []byte {
	b := binary.LittleEndian.AppendUint32(nil, i.Protocol)
	b = binary.LittleEndian.AppendUint32(b, i.Sequence)
	b = binary.LittleEndian.AppendUint64(b, i.CloseTime)
	b = binary.LittleEndian.AppendUint32(b, i.BaseReserve)
	return append(b, i.NetworkID[:]...)
}

// Calibration is what the host was built with.
type Calibration struct {
	CPU, Memory []byte // ContractCostParams
	Protocol    uint32
}

// Calibration reads it back from the host.
func (e *Engine) Calibration(ctx context.Context) (Calibration, error) {
	out, err := e.call(ctx, nil, "sh_config", 4)
	if err != nil {
		return Calibration{}, err
	}
	protocol, _, err := cutNumber(out[3])
	return Calibration{CPU: out[1], Memory: out[2], Protocol: protocol}, err
}

// MinResourceFee is the least resource fee, in stroops, with which a
// transaction of envelopeSize bytes that declares resources (SorobanResources)
// and restores so many archived entries is admitted.
func (e *Engine) MinResourceFee(ctx context.Context, l Ledger, resources []byte, restored, envelopeSize int) (int64, error) {
	out, err := e.call(ctx, l, "sh_fees", 2, resources, number(restored), number(envelopeSize))
	if err != nil {
		return 0, err
	}
	n, err := numbers(out[1], 1)
	if err != nil {
		return 0, fmt.Errorf("sh_fees: %w", err)
	}
	return int64(n[0]), nil
}
