package stellar

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stellar/go-stellar-sdk/txnbuild"

	"tenant-provisioning/internal/observe"
	"tenant-provisioning/internal/stellar/rpc"
	"tenant-provisioning/internal/stellar/submit"
)

// Config says on which network contracts are deployed, and as whom.
type Config struct {
	// RPCURL is a Stellar RPC server (SOROBAN_RPC_URL).
	RPCURL string
	// RootCAs sign that server's certificate (SOROBAN_RPC_SSLROOTCERT). Nil: the
	// system's roots do.
	RootCAs *x509.CertPool
	// Passphrase names the network (SOROBAN_NETWORK). Nothing is sent before
	// the server has confirmed it.
	Passphrase string
	// Deployer is the account that authorises every deployment
	// (SOROBAN_CONTRACT_DEPLOYER_SECRET). A contract's address follows from it.
	Deployer Seed
	// FeePayer pays the fees (SOROBAN_PAYER_SECRET). Unset: Deployer.
	FeePayer Seed
	// Admin is the administrator of every contract that is made: it authorises what
	// changes one (SOROBAN_ADMIN_SECRET). Unset: Deployer.
	Admin Seed
	// AdminSigner signs in the place of Admin, with a key that is elsewhere
	// (SOROBAN_ADMIN_SIGNER).
	AdminSigner submit.Signer
	// PreviousAdmin was the administrator before, and signs for the contracts that have
	// not been handed over to the present one (SOROBAN_PREVIOUS_ADMIN_SECRET).
	// PreviousAdminSigner signs in its place (SOROBAN_PREVIOUS_ADMIN_SIGNER). Unset:
	// there was none but the deployer.
	PreviousAdmin       Seed
	PreviousAdminSigner submit.Signer
	// ChannelSecret is what the channel accounts are derived from
	// (SOROBAN_CHANNEL_SECRET). Unset: Deployer.
	ChannelSecret Seed
	// Channels is how many channel accounts there are (SOROBAN_CHANNELS): about
	// one deployment each per ledger, five seconds on the public network. Each
	// holds a reserve of 1 XLM. Defaults to 8.
	Channels int
	// Limits is what may be spent. Each part that is unset has its default: 2 XLM for a
	// transaction, 100 for the upload of the contract's code and for one
	// by which entries live, 300 a month for all of these, 20 for an operation's
	// effect, 1,000 for a day.
	Limits submit.Limits
	// Wasm is the code of the tenants' contract.
	Wasm []byte
	// Validity is for how long after its making a transaction may be applied.
	// When one is lost, another is built only afterwards. Must be whole seconds,
	// at least 2. Defaults to 60 seconds, twelve ledgers.
	Validity time.Duration
	// RequestTimeout bounds one request to the server. It must stay below the
	// heartbeat timeout of whoever calls. Defaults to 5 seconds.
	RequestTimeout time.Duration
	// PollInterval is the longest pause between two questions about a
	// transaction under way; the first ones come sooner. Defaults to 1 second.
	PollInterval time.Duration
	// HTTPClient sends the requests. Unset: a client with a pool of its own.
	HTTPClient *http.Client
	// Clock tells the time. Unset: time.Now.
	Clock func() time.Time
	// Logger is told what no caller gets to see. Unset: nothing is logged.
	Logger *slog.Logger
	// Metrics counts requests and transactions. Unset: nobody does.
	Metrics *observe.Ledger
	// VerifyConnection sees each connection with TLS, as tls.Config's does. Unused
	// where HTTPClient is set.
	VerifyConnection func(tls.ConnectionState) error
}

// What the keys are set by, as operators know them.
const (
	deployerSetting = "SOROBAN_CONTRACT_DEPLOYER_SECRET"
	payerSetting    = "SOROBAN_PAYER_SECRET"
	adminSetting    = "SOROBAN_ADMIN_SECRET"
	previousSetting = "SOROBAN_PREVIOUS_ADMIN_SECRET"
)

// signers are who signs for the deployer, for the fee payer and for the contracts'
// administrators: the present one first, then those that contracts may have kept. c is
// valid.
func (c Config) signers() (deployer, payer submit.Signer, admins []submit.Signer) {
	deployer = keyPair(c.Deployer, deployerSetting)
	payer = deployer
	if c.FeePayer != "" {
		payer = keyPair(c.FeePayer, payerSetting)
	}
	for _, a := range []struct {
		held    submit.Signer
		seed    Seed
		setting string
	}{
		{c.AdminSigner, c.Admin, adminSetting}, {deployer, "", ""}, {c.PreviousAdminSigner, c.PreviousAdmin, previousSetting},
	} {
		if a.held == nil && a.seed != "" {
			a.held = keyPair(a.seed, a.setting)
		}
		if a.held != nil && !slices.ContainsFunc(admins, func(s submit.Signer) bool { return s.Address() == a.held.Address() }) {
			admins = append(admins, a.held)
		}
	}
	return deployer, payer, admins
}

func keyPair(s Seed, setting string) submit.Signer {
	return submit.KeyPair(keypair.MustParseFull(string(s)), setting)
}

func (c Config) withDefaults() Config {
	if c.ChannelSecret == "" {
		c.ChannelSecret = c.Deployer
	}
	if c.Channels == 0 {
		c.Channels = 8
	}
	l := &c.Limits
	l.Transaction = cmp.Or(l.Transaction, 2*submit.Stroops)
	l.Upload = cmp.Or(l.Upload, 100*submit.Stroops)
	l.Keeper = cmp.Or(l.Keeper, 100*submit.Stroops)
	l.Month = cmp.Or(l.Month, 300*submit.Stroops)
	l.Operation = cmp.Or(l.Operation, 20*submit.Stroops)
	l.Day = cmp.Or(l.Day, 1000*submit.Stroops)
	if c.Validity == 0 {
		c.Validity = time.Minute
	}
	if c.RequestTimeout == 0 {
		c.RequestTimeout = 5 * time.Second
	}
	if c.PollInterval == 0 {
		c.PollInterval = time.Second
	}
	if c.HTTPClient == nil {
		c.HTTPClient = rpc.NewHTTPClient(c.RootCAs, c.VerifyConnection)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c Config) validate() error {
	var errs []error
	wrong := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if u, err := url.Parse(c.RPCURL); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		wrong("SOROBAN_RPC_URL must be an http or https URL")
	}
	if c.Passphrase == "" {
		wrong("SOROBAN_NETWORK must name a network")
	}
	for name, s := range map[string]Seed{
		deployerSetting: c.Deployer, payerSetting: c.FeePayer, adminSetting: c.Admin, previousSetting: c.PreviousAdmin, "SOROBAN_CHANNEL_SECRET": c.ChannelSecret,
	} {
		if s == "" && (name == payerSetting || name == adminSetting || name == previousSetting) {
			continue
		}
		if _, err := keypair.ParseFull(string(s)); err != nil {
			wrong("%s must be the secret seed of an account (56 characters that begin with S)", name)
		}
	}
	if c.Admin != "" && c.AdminSigner != nil {
		wrong("%s and %s name two administrators; set one of them", adminSetting, c.AdminSigner.Setting())
	}
	if c.PreviousAdmin != "" && c.PreviousAdminSigner != nil {
		wrong("%s and %s name two administrators; set one of them", previousSetting, c.PreviousAdminSigner.Setting())
	}
	if c.Channels < 1 || c.Channels > maxChannels {
		wrong("SOROBAN_CHANNELS must be 1 to %d", maxChannels)
	}
	for setting, most := range map[string]int64{
		"SOROBAN_MAX_FEE": c.Limits.Transaction, "SOROBAN_UPLOAD_MAX_FEE": c.Limits.Upload,
		"SOROBAN_KEEPER_MAX_FEE": c.Limits.Keeper, "SOROBAN_KEEPER_MONTH": c.Limits.Month,
		"SOROBAN_OPERATION_MAX_FEE": c.Limits.Operation, "SOROBAN_DAY_MAX_FEE": c.Limits.Day,
	} {
		if most < txnbuild.MinBaseFee {
			wrong("%s must be at least %d stroops", setting, txnbuild.MinBaseFee)
		}
	}
	if len(c.Wasm) == 0 {
		wrong("the contract's code is empty")
	}
	if c.Validity < 2*time.Second || c.Validity%time.Second != 0 {
		wrong("the validity of a transaction must be whole seconds, at least 2")
	}
	if c.RequestTimeout < 0 || c.PollInterval < 0 {
		wrong("the request timeout and the poll interval must not be negative")
	}
	return errors.Join(errs...)
}
