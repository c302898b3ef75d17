package stellar

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/stellar/go-stellar-sdk/network"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/strkey"
	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"
)

const (
	// maxOperations is the network's bound on one transaction.
	maxOperations = 100
	// fundingTime is how long a friendbot may take: some ledgers.
	fundingTime = time.Minute
)

// Check asks whether the RPC server answers and is of our network.
func (d *Deployer) Check(ctx context.Context) error {
	_, err := d.network(ctx)
	return d.explain(err)
}

func (d *Deployer) network(ctx context.Context) (protocol.GetNetworkResponse, error) {
	n, err := call[protocol.GetNetworkResponse](ctx, d.rpc, protocol.GetNetworkMethodName, nil)
	if err != nil {
		return n, err
	}
	if n.Passphrase != d.cfg.Passphrase {
		return n, d.wrongNetwork()
	}
	d.confirmed.Store(true)
	return n, nil
}

// confirmNetwork checks the passphrase once per process, before the first
// transaction: a transaction that is unknown to another network is not lost.
func (d *Deployer) confirmNetwork(ctx context.Context) error {
	if d.confirmed.Load() {
		return nil
	}
	_, err := d.network(ctx)
	return err
}

// Setup makes the network ready for deployments: it checks the network and
// that the deployer can pay, uploads the contract's code, and creates the
// channel accounts. It does only what is missing, so it may be repeated.
// report is told each thing that was found or done.
func (d *Deployer) Setup(ctx context.Context, report func(string)) error {
	report = orSilent(report)
	n, err := d.network(ctx)
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
	if err := d.createChannels(ctx, orSilent(nil)); err != nil {
		return fmt.Errorf("create the channel accounts: %w", d.explain(err))
	}
	report(fmt.Sprintf("%d channel accounts are on the ledger", len(d.addresses)))
	return nil
}

// fund makes sure that the deployer and the fee payer exist. Only where money
// is play money is there somebody to ask for it.
func (d *Deployer) fund(ctx context.Context, friendbot string, report func(string)) error {
	addresses := []string{d.Address()}
	if d.payer.Address() != d.Address() {
		addresses = append(addresses, d.payer.Address())
	}
	for _, a := range addresses {
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
			return d.unfunded(a, "it is not on the ledger")
		}
		report(fmt.Sprintf("account %s has %d XLM", a, balance/stroops))
		if balance/stroops < d.enoughXLM() {
			report(fmt.Sprintf("that is little: %d transactions at a time of up to SOROBAN_MAX_FEE each need %d XLM", d.cfg.Channels, d.enoughXLM()))
		}
	}
	return nil
}

// balance is in stroops, 0 for an account that does not exist.
func (d *Deployer) balance(ctx context.Context, address string) (int64, error) {
	id, err := xdr.AddressToAccountId(address)
	if err != nil {
		return 0, fmt.Errorf("read the address of an account: %w", err)
	}
	entries, _, err := d.read(ctx, 0, orSilent(nil), accountKey(id))
	if err != nil || entries[0] == nil {
		return 0, err
	}
	return int64(entries[0].data.MustAccount().Balance), nil
}

// befriend asks friendbot, and waits for the account. Somebody else may have
// asked at the same time: only the account's balance tells.
func (d *Deployer) befriend(ctx context.Context, friendbot, address string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, fundingTime)
	defer cancel()
	refusal := d.askFriendbot(ctx, friendbot, address)
	p := d.newPace()
	for {
		balance, err := d.balance(ctx, address)
		if err == nil && balance > 0 {
			return balance, nil
		}
		if waitErr := p.wait(ctx); waitErr != nil {
			return 0, fmt.Errorf("friendbot has not funded account %s: %w", address, errors.Join(refusal, err, waitErr))
		}
	}
}

func (d *Deployer) askFriendbot(ctx context.Context, friendbot, address string) error {
	u, err := url.Parse(friendbot)
	if err != nil {
		return errors.New("the URL of friendbot is none")
	}
	q := u.Query()
	q.Set("addr", address)
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return fmt.Errorf("ask friendbot: %w", withoutURL(err))
	}
	resp, err := d.cfg.HTTPClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask friendbot: %w", withoutURL(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(resp.Body, 300)) // the status alone would do
		return fmt.Errorf("ask friendbot: HTTP %d: %s", resp.StatusCode, said)
	}
	return nil
}

// createChannels creates those channel accounts that are not on the ledger,
// with the reserve that an account must hold. They never pay a fee.
func (d *Deployer) createChannels(ctx context.Context, progress func(string)) error {
	for at := 0; at < len(d.addresses); at += maxOperations {
		some := d.addresses[at:min(at+maxOperations, len(d.addresses))]
		err := d.share(ctx, PurposeChannels, func(ctx context.Context, floor uint32) ([]txnbuild.Operation, error) {
			return d.missingChannels(ctx, some, floor, progress)
		}, progress)
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *Deployer) missingChannels(ctx context.Context, addresses []string, floor uint32, progress func(string)) ([]txnbuild.Operation, error) {
	keys := make([]xdr.LedgerKey, len(addresses))
	for i, a := range addresses {
		raw, err := strkey.Decode(strkey.VersionByteAccountID, a)
		if err != nil {
			return nil, fmt.Errorf("read the address of a channel account: %w", err)
		}
		key := xdr.Uint256(raw)
		keys[i] = accountKey(xdr.AccountId{Type: xdr.PublicKeyTypePublicKeyTypeEd25519, Ed25519: &key})
	}
	entries, _, err := d.read(ctx, floor, progress, keys...)
	if err != nil {
		return nil, err
	}
	var ops []txnbuild.Operation
	for i, e := range entries {
		if e == nil {
			ops = append(ops, &txnbuild.CreateAccount{Destination: addresses[i], Amount: fmt.Sprint(accountReserve), SourceAccount: d.Address()})
		}
	}
	return ops, nil
}
