package stellar

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stellar/go-stellar-sdk/network"

	"tenant-provisioning/internal/stellar/submit"
)

const (
	// fundingTime is how long a friendbot may take: some ledgers.
	fundingTime = time.Minute
	// friendbotPause is how long one that has refused is left alone: it may be somebody
	// else's wish that it is at, and public ones limit how often they are asked.
	friendbotPause = 2 * time.Second
)

// Setup makes the network ready for deployments: it checks the network and
// that the deployer can pay, uploads the contract's code, and creates the
// channel accounts. It does only what is missing, so it may be repeated.
// report is told each thing that was found or done.
func (d *Deployer) Setup(ctx context.Context, report func(string)) error {
	report = orSilent(report)
	n, err := d.rpc.Network(ctx)
	if err != nil {
		return fmt.Errorf("check the network: %w", d.explain(err))
	}
	report("the RPC server is of our network, protocol " + fmt.Sprint(n.ProtocolVersion))
	if err := d.fund(ctx, n.FriendbotURL, report); err != nil {
		return fmt.Errorf("fund the deployer: %w", d.explain(err))
	}
	if err := d.ensureCode(ctx, orSilent(nil)); err != nil {
		return fmt.Errorf("upload the contract's code: %w", d.explain(err))
	}
	report(fmt.Sprintf("the contract's code %s is on the ledger", d.codeHash.HexString()))
	if err := d.createAccounts(ctx, orSilent(nil)); err != nil {
		return fmt.Errorf("create the channel accounts: %w", d.explain(err))
	}
	report(fmt.Sprintf("%d channel accounts are on the ledger", len(d.channels)))
	if d.admin.Address() != d.Address() {
		report(fmt.Sprintf("so is account %s, the contracts' administrator by %s", d.admin.Address(), d.admin.Setting()))
	}
	return nil
}

// fund makes sure that the deployer and the fee payer exist. Only where money
// is play money is there somebody to ask for it.
func (d *Deployer) fund(ctx context.Context, friendbot string, report func(string)) error {
	for _, a := range d.funded() {
		balance, err := d.balance(ctx, a)
		if err != nil {
			return err
		}
		if balance == 0 && friendbot != "" && d.cfg.Passphrase != network.PublicNetworkPassphrase {
			report("asking friendbot for the balance of account " + a)
			if balance, err = d.befriend(ctx, friendbot, a); err != nil {
				return err
			}
		}
		if balance == 0 {
			return d.submitter.Unfunded(a, "it is not on the ledger")
		}
		report(fmt.Sprintf("account %s has %d XLM", a, balance/submit.Stroops))
		if a == d.payer.Address() && balance/submit.Stroops < d.submitter.EnoughXLM() {
			report(fmt.Sprintf("that is little: SOROBAN_KEEPER_MAX_FEE, and SOROBAN_MAX_FEE for each of %d transactions at a time, need %d XLM", d.cfg.Channels, d.submitter.EnoughXLM()))
		}
	}
	return nil
}

// funded are the accounts that must exist before anything can be done.
func (d *Deployer) funded() []string {
	if d.payer.Address() == d.Address() {
		return []string{d.Address()}
	}
	return []string{d.Address(), d.payer.Address()}
}

// balance is in stroops, 0 for an account that does not exist.
func (d *Deployer) balance(ctx context.Context, address string) (int64, error) {
	account, _, err := d.rpc.Account(ctx, address, orSilent(nil))
	if err != nil || account == nil {
		return 0, err
	}
	return int64(account.Balance), nil
}

// befriend asks friendbot until the account is there. Somebody else may have asked at
// the same time: only the account's balance tells.
func (d *Deployer) befriend(ctx context.Context, friendbot, address string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, fundingTime)
	defer cancel()
	refusal, asked := d.rpc.AskFriendbot(ctx, friendbot, address), time.Now()
	p := d.rpc.NewPace()
	for {
		balance, err := d.balance(ctx, address)
		if err == nil && balance > 0 {
			return balance, nil
		}
		if refusal != nil && time.Since(asked) >= friendbotPause && ctx.Err() == nil {
			refusal, asked = d.rpc.AskFriendbot(ctx, friendbot, address), time.Now()
		}
		if waitErr := p.Wait(ctx); waitErr != nil {
			return 0, fmt.Errorf("friendbot has not funded account %s: %w", address, errors.Join(refusal, err, waitErr))
		}
	}
}
