package submit

import (
	"context"

	"tenant-provisioning/internal/tenant"
)

// History is what the journal knows of a tenant's generation, once the fate of
// every transaction is known.
type History struct {
	Transactions []Transaction
	// Ended are those sent again that came to their end, without effect, while
	// the history was read.
	Ended []Transaction
	// Floor is a ledger that knows the effects of all of them.
	Floor uint32
}

// Settle brings every open transaction of a tenant's generation to its end.
// Those that the caller wants are sent again where that may help; the others
// are only waited for, until they are found or can no longer be applied. Without
// any, nobody but the journal is asked.
func (s *Submitter) Settle(ctx context.Context, id tenant.ID, generation int, wanted func(Transaction) bool, progress func(string)) (History, error) {
	txs, err := s.journal.Transactions(ctx, id, generation)
	if err != nil {
		return History{}, err
	}
	h := History{Transactions: txs}
	for i, tx := range txs {
		if tx.State.Open() {
			if err := s.rpc.Confirm(ctx); err != nil {
				return h, err
			}
			again := wanted(tx)
			if tx, err = s.fly(ctx, tx, false, again, progress); err != nil {
				return h, err
			}
			if again && tx.State != StateApplied {
				h.Ended = append(h.Ended, tx)
			}
			txs[i] = tx
		}
		switch {
		case tx.Network == s.cfg.Passphrase:
			h.Floor = max(h.Floor, tx.Ledger)
		case tx.State == StateApplied:
			return h, s.otherNetwork(tx)
		}
	}
	return h, nil
}
