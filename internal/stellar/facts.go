package stellar

import (
	"context"
	"slices"
	"time"

	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/xdr"

	"tenant-provisioning/internal/doctor"
	"tenant-provisioning/internal/stellar/rpc"
	"tenant-provisioning/internal/stellar/submit"
)

// Facts tells about the network and what a deployer has on it, for who judges
// whether that will do. Nothing is sent.
type Facts struct{ d *Deployer }

var _ doctor.Ledger = Facts{}

// Facts are those of the deployer's network.
func (d *Deployer) Facts() Facts { return Facts{d} }

// Network asks whether the server answers and is of our network.
func (f Facts) Network(ctx context.Context) (doctor.LedgerNetwork, error) {
	began := time.Now()
	n, err := f.d.rpc.Network(ctx)
	if err != nil {
		return doctor.LedgerNetwork{}, f.d.explain(err)
	}
	return doctor.LedgerNetwork{Passphrase: n.Passphrase, Protocol: n.ProtocolVersion, Latency: time.Since(began)}, nil
}

// Health asks how the server keeps up with the network.
func (f Facts) Health(ctx context.Context) (doctor.LedgerHealth, error) {
	asked := f.d.cfg.Clock()
	h, err := f.health(ctx)
	if err != nil {
		return doctor.LedgerHealth{}, f.d.explain(err)
	}
	return doctor.LedgerHealth{
		Status: h.Status, Ledger: h.LatestLedger, Close: pace(h),
		Kept:   pace(h) * time.Duration(h.LedgerRetentionWindow),
		Closed: doctor.ClockAt(time.Unix(h.LatestLedgerCloseTime, 0), asked, f.d.cfg.Clock(), time.Second),
	}, nil
}

func (f Facts) health(ctx context.Context) (protocol.GetHealthResponse, error) {
	return rpc.Call[protocol.GetHealthResponse](ctx, f.d.rpc, protocol.GetHealthMethodName, nil)
}

// usualPace is that of the public network.
const usualPace = 5 * time.Second

// fewLedgers are too few to tell the pace, since their times are told in seconds.
const fewLedgers = 100

// pace is how long a ledger takes, by those that the server remembers.
func pace(h protocol.GetHealthResponse) time.Duration {
	ledgers := int64(h.LatestLedger) - int64(h.OldestLedger)
	took := time.Duration(h.LatestLedgerCloseTime-h.OldestLedgerCloseTime) * time.Second
	if ledgers < fewLedgers || took <= 0 {
		return usualPace
	}
	return took / time.Duration(ledgers)
}

// Funds reads the accounts that pay, and the channels.
func (f Facts) Funds(ctx context.Context) (doctor.Funds, error) {
	funds := doctor.Funds{Channels: len(f.d.channels), Enough: f.d.submitter.EnoughXLM() * submit.Stroops}
	payers, admin := f.d.funded(), f.d.admin.Address()
	accounts, err := f.d.accounts(ctx, 0, slices.Concat(payers, f.d.reserves()), orSilent(nil))
	if err != nil {
		return funds, f.d.explain(err)
	}
	for i, a := range accounts {
		const reserve = submit.AccountReserve * submit.Stroops
		switch {
		case i < len(payers) && a == nil:
			funds.Accounts = append(funds.Accounts, doctor.Account{Address: payers[i]})
		case i < len(payers):
			usable := int64(a.Balance) - reserve
			if payers[i] == f.d.payer.Address() {
				usable -= f.d.cfg.Limits.Keeper // which nothing but the keeper may spend
			}
			funds.Accounts = append(funds.Accounts, doctor.Account{Address: payers[i], Balance: int64(a.Balance), Usable: usable})
		case i == len(payers)+len(f.d.channels) && a == nil:
			funds.NoAdmin = admin
		case a == nil:
			funds.Missing++
		case int64(a.Balance) < reserve:
			funds.Poor++
		}
	}
	return funds, nil
}

// Signer asks whoever signs for the contracts' administrator to do so.
func (f Facts) Signer(ctx context.Context) (doctor.Signer, error) {
	return doctor.Signer{Account: f.d.admin.Address(), Setting: f.d.admin.Setting()}, f.d.explain(f.d.ProbeSigner(ctx))
}

// Price asks what making a contract would cost now.
func (f Facts) Price(ctx context.Context) (doctor.Price, error) {
	asked, err := f.d.price(ctx)
	if err != nil {
		return doctor.Price{}, f.d.explain(err)
	}
	return doctor.Price{Asked: asked, Most: f.d.cfg.Limits.Transaction}, nil
}

// Code asks how long the contract's code stays.
func (f Facts) Code(ctx context.Context) (doctor.Lifetime, error) {
	lives, err := f.lives(ctx, codeKey(f.d.codeHash))
	if err != nil {
		return doctor.Lifetime{}, f.d.explain(err)
	}
	return lives[0], nil
}

// Instances asks how long contracts stay.
func (f Facts) Instances(ctx context.Context, contracts []string) ([]doctor.Lifetime, error) {
	keys := make([]xdr.LedgerKey, len(contracts))
	for i := range keys {
		id, err := parseContract(contracts[i])
		if err != nil {
			return nil, err
		}
		keys[i] = instanceKey(id)
	}
	lives, err := f.lives(ctx, keys...)
	return lives, f.d.explain(err)
}

// lives asks how long entries stay, at the pace of the last ledgers.
func (f Facts) lives(ctx context.Context, keys ...xdr.LedgerKey) ([]doctor.Lifetime, error) {
	h, err := f.health(ctx)
	if err != nil {
		return nil, err
	}
	found, ledger, err := f.d.rpc.Lives(ctx, 0, orSilent(nil), keys...)
	if err != nil {
		return nil, err
	}
	lives := make([]doctor.Lifetime, len(keys))
	for i, l := range found {
		lives[i] = doctor.Lifetime{Absent: l.Absent, Archived: l.Archived, Left: time.Duration(l.Left(ledger)) * pace(h)}
	}
	return lives, nil
}
