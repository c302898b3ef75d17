package devnet

import (
	"context"
	"slices"

	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
)

// How many ledgers the fee statistics look back, as Stellar RPC's defaults.
const (
	sorobanFeeWindow = 50
	classicFeeWindow = 10
)

// filledTxs is how many bids the statistics count for a ledger that is filled
// with them.
const filledTxs = 100

func (n *Network) getFeeStats(context.Context, protocol.GetFeeStatsRequest) (protocol.GetFeeStatsResponse, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	seen := n.seen()
	return protocol.GetFeeStatsResponse{
		SorobanInclusionFee: seen.fees(sorobanFeeWindow, true),
		InclusionFee:        seen.fees(classicFeeWindow, false),
		LatestLedger:        seen.latest().seq,
	}, nil
}

// fees tells how inclusion fees per operation were distributed over the last
// ledgers. Where there was none, everything is zero, as from Stellar RPC.
func (h *history) fees(window uint32, soroban bool) protocol.FeeDistribution {
	latest := h.latest().seq
	ledgers := h.from(latest - min(window, latest) + 1)
	var fees []uint64
	for _, l := range ledgers {
		if l.fillBid > 0 {
			fees = append(fees, slices.Repeat([]uint64{uint64(l.fillBid)}, filledTxs)...)
		}
		for _, o := range l.txs {
			if o.soroban == soroban {
				fees = append(fees, o.inclusion)
			}
		}
	}
	d := protocol.FeeDistribution{TransactionCount: uint32(len(fees)), LedgerCount: uint32(len(ledgers))}
	if len(fees) == 0 {
		return d
	}
	slices.Sort(fees)
	percentile := func(p int) uint64 { return fees[(p*len(fees)+99)/100-1] } // nearest rank
	d.Max, d.Min, d.Mode = fees[len(fees)-1], fees[0], mode(fees)
	for p, at := range map[int]*uint64{
		10: &d.P10, 20: &d.P20, 30: &d.P30, 40: &d.P40, 50: &d.P50, 60: &d.P60,
		70: &d.P70, 80: &d.P80, 90: &d.P90, 95: &d.P95, 99: &d.P99,
	} {
		*at = percentile(p)
	}
	return d
}

// mode is the most frequent of sorted values, the least one where several are.
func mode(sorted []uint64) uint64 {
	best, count := sorted[0], 0
	for i := 0; i < len(sorted); {
		j := i
		for j < len(sorted) && sorted[j] == sorted[i] {
			j++
		}
		if j-i > count {
			best, count = sorted[i], j-i
		}
		i = j
	}
	return best
}
