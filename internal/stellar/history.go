package stellar

import (
	"context"
	"fmt"

	"tenant-provisioning/internal/tenant"
)

// history is what the journal knows of a tenant's generation, once the fate of
// every transaction is known.
type history struct {
	txs []Transaction
	// ended are those of the purpose asked for that came to their end, without
	// effect, while the history was read.
	ended []Transaction
	// floor is a ledger that knows the effects of all of them.
	floor uint32
}

// settleAll brings every open transaction to its end. Those of one purpose are
// sent again where that may help; the others are only waited for, until they
// are found or can no longer be applied.
func (d *Deployer) settleAll(ctx context.Context, rows []Transaction, sends Purpose, progress func(string)) (history, error) {
	h := history{txs: rows}
	for i, tx := range rows {
		if tx.State.Open() {
			if err := d.confirmNetwork(ctx); err != nil {
				return h, err
			}
			settled, err := d.fly(ctx, tx, false, tx.Purpose == sends, progress)
			if err != nil {
				return h, err
			}
			rows[i] = settled
			if settled.State != StateApplied && settled.Purpose == sends {
				h.ended = append(h.ended, settled)
			}
		}
		if rows[i].State == StateApplied && rows[i].Network != d.cfg.Passphrase {
			return h, d.otherNetwork(rows[i])
		}
		if rows[i].Network == d.cfg.Passphrase {
			h.floor = max(h.floor, rows[i].Ledger)
		}
	}
	return h, nil
}

func (d *Deployer) otherAddress(tx Transaction) error {
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Class: tenant.ClassConflict, Permanent: true,
		Reason: fmt.Sprintf("the tenant has the contract %s already, made by another account than %s; set SOROBAN_CONTRACT_DEPLOYER_SECRET back to the secret that made it", tx.ContractID, d.Address()),
	}
}
