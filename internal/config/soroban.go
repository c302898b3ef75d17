package config

import (
	"crypto/x509"
	"net/url"
	"path/filepath"

	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stellar/go-stellar-sdk/network"
	"github.com/stellar/go-stellar-sdk/strkey"
)

// LocalPassphrase is that of Stellar's own local networks and of the embedded
// one. Anybody can compute the key of its root account.
const LocalPassphrase = "Standalone Network ; February 2017"

const (
	minPassphrase = 8
	// spendingCeiling is 100,000 XLM in stroops, for what is paid over a time.
	spendingCeiling = 1_000_000_000_000
	// maxFeeCeiling is 100 XLM in stroops, more than a thousand times what a
	// deployment costs: beyond it is a slip of the finger.
	maxFeeCeiling = 1_000_000_000
)

// Soroban is the Stellar network on which the tenants' contracts are deployed.
type Soroban struct {
	// Passphrase names the network (SOROBAN_NETWORK: public, testnet, local or
	// a passphrase). Whoever connects must check that the RPC server confirms
	// it: transactions signed for another network are refused one by one.
	Passphrase string
	// RPCURL is a Stellar RPC server (SOROBAN_RPC_URL). Required but on testnet,
	// where the foundation's public server is the default.
	RPCURL string
	// RootCAs are the authorities that sign that server's certificate
	// (SOROBAN_RPC_SSLROOTCERT). Nil: the system's.
	RootCAs *x509.CertPool
	// DeployerSecret is the seed (S…) of the account that authorises
	// deployments (SOROBAN_CONTRACT_DEPLOYER_SECRET or SOROBAN_SECRET).
	DeployerSecret Secret
	// PayerSecret is the seed of the account that pays for every transaction
	// (SOROBAN_PAYER_SECRET). Empty: the deployer pays.
	PayerSecret Secret
	// AdminSecret is the seed of the account that is the contracts' administrator
	// (SOROBAN_ADMIN_SECRET). Empty: the deployer is.
	AdminSecret Secret
	// AdminSigner holds the administrator's key in the place of AdminSecret
	// (SOROBAN_ADMIN_SIGNER). Zero: nobody.
	AdminSigner SSHAgent
	// PreviousAdminSecret is the seed of the contracts' administrator before
	// (SOROBAN_PREVIOUS_ADMIN_SECRET), and PreviousAdminSigner holds its key in the place
	// of that (SOROBAN_PREVIOUS_ADMIN_SIGNER): set until each contract is handed over.
	// Empty: there was none but the deployer.
	PreviousAdminSecret Secret
	PreviousAdminSigner SSHAgent
	// ChannelSecret is the seed (S…) from which the channel accounts are derived
	// (SOROBAN_CHANNEL_SECRET). Empty: they are derived from DeployerSecret, and
	// change with it.
	ChannelSecret Secret
	// Channels is how many channel accounts there are (SOROBAN_CHANNELS, 8):
	// about one deployment each per ledger, five seconds. Every one holds a
	// reserve of 1 XLM.
	Channels int
	// MaxFee bounds what one transaction may cost, in stroops, ten million of
	// which are 1 XLM (SOROBAN_MAX_FEE, 20000000). A deployment costs 0.1 to
	// 0.7 XLM, most of it rent; a transaction that would cost more waits and
	// then asks for attention.
	MaxFee int64
	// UploadMaxFee is the same for the transaction that uploads the contract's code,
	// once per version (SOROBAN_UPLOAD_MAX_FEE, 1000000000).
	UploadMaxFee int64
	// KeeperMaxFee is the same for one by which code and contracts live on
	// (SOROBAN_KEEPER_MAX_FEE, 1000000000); as much of the balance is kept for it.
	// KeeperMonth bounds all of these within 30 days (SOROBAN_KEEPER_MONTH, 3000000000).
	KeeperMaxFee, KeeperMonth int64
	// OperationMaxFee bounds what an operation spends on one effect, with all that came
	// to nothing (SOROBAN_OPERATION_MAX_FEE, 200000000): then it waits for a person.
	OperationMaxFee int64
	// DayMaxFee bounds what is spent within 24 hours (SOROBAN_DAY_MAX_FEE,
	// 10000000000): then all work on the ledger waits.
	DayMaxFee int64
}

// SSHAgent signs with a key that no process of ours has.
type SSHAgent struct {
	// Socket is the path of its Unix socket.
	Socket string
	// Account is the address (G…) of the account whose key it holds.
	Account string
}

func (r *reader) soroban() Soroban {
	s := Soroban{
		Passphrase:          read(r, setting{name: "SOROBAN_NETWORK", required: true}, passphrase),
		DeployerSecret:      readSecret(r, setting{name: "SOROBAN_CONTRACT_DEPLOYER_SECRET", aliases: []string{"SOROBAN_SECRET"}, required: true}, seed),
		PayerSecret:         readSecret(r, setting{name: "SOROBAN_PAYER_SECRET"}, seed),
		AdminSecret:         readSecret(r, setting{name: "SOROBAN_ADMIN_SECRET"}, seed),
		AdminSigner:         read(r, setting{name: "SOROBAN_ADMIN_SIGNER"}, sshAgent),
		PreviousAdminSecret: readSecret(r, setting{name: "SOROBAN_PREVIOUS_ADMIN_SECRET"}, seed),
		PreviousAdminSigner: read(r, setting{name: "SOROBAN_PREVIOUS_ADMIN_SIGNER"}, sshAgent),
		ChannelSecret:       readSecret(r, setting{name: "SOROBAN_CHANNEL_SECRET"}, seed),
		Channels:            int(read(r, setting{name: "SOROBAN_CHANNELS", def: "8"}, whole(1, 1000))),
		MaxFee:              read(r, setting{name: "SOROBAN_MAX_FEE", def: "20000000"}, whole(100, maxFeeCeiling)),
		UploadMaxFee:        read(r, setting{name: "SOROBAN_UPLOAD_MAX_FEE", def: "1000000000"}, whole(100, spendingCeiling)),
		KeeperMaxFee:        read(r, setting{name: "SOROBAN_KEEPER_MAX_FEE", def: "1000000000"}, whole(100, spendingCeiling)),
		KeeperMonth:         read(r, setting{name: "SOROBAN_KEEPER_MONTH", def: "3000000000"}, whole(100, spendingCeiling)),
		OperationMaxFee:     read(r, setting{name: "SOROBAN_OPERATION_MAX_FEE", def: "200000000"}, whole(100, spendingCeiling)),
		DayMaxFee:           read(r, setting{name: "SOROBAN_DAY_MAX_FEE", def: "10000000000"}, whole(100, spendingCeiling)),
	}
	rpc := setting{name: "SOROBAN_RPC_URL", required: true}
	if s.Passphrase == network.TestNetworkPassphrase {
		rpc.def = "https://soroban-testnet.stellar.org"
	}
	s.RPCURL = read(r, rpc, absoluteURL)
	s.RootCAs = r.rootCertificatesFor("SOROBAN_RPC_URL", s.RPCURL, "SOROBAN_RPC_SSLROOTCERT")
	if s.AdminSigner != (SSHAgent{}) && !s.AdminSecret.Empty() {
		r.problem(setting{name: "SOROBAN_ADMIN_SIGNER"}, "SOROBAN_ADMIN_SECRET is set too; expected one administrator of the contracts")
	}
	if s.PreviousAdminSigner != (SSHAgent{}) && !s.PreviousAdminSecret.Empty() {
		r.problem(setting{name: "SOROBAN_PREVIOUS_ADMIN_SIGNER"}, "SOROBAN_PREVIOUS_ADMIN_SECRET is set too; expected one administrator before")
	}
	if r.production {
		r.refuseLocalNetwork(s)
	}
	return s
}

func (r *reader) refuseLocalNetwork(s Soroban) {
	if s.Passphrase == LocalPassphrase {
		r.problem(setting{name: "SOROBAN_NETWORK"}, "a local network is refused with NODE_ENV=production; expected public, testnet or the passphrase of your network")
	}
	for _, passphrase := range []string{LocalPassphrase, network.PublicNetworkPassphrase, network.TestNetworkPassphrase, s.Passphrase} {
		root := keypair.Root(passphrase).Seed()
		for _, key := range []NamedSecret{
			{Name: "SOROBAN_CONTRACT_DEPLOYER_SECRET", Value: s.DeployerSecret}, {Name: "SOROBAN_PAYER_SECRET", Value: s.PayerSecret},
			{Name: "SOROBAN_ADMIN_SECRET", Value: s.AdminSecret}, {Name: "SOROBAN_PREVIOUS_ADMIN_SECRET", Value: s.PreviousAdminSecret},
		} {
			if key.Value.Reveal() == root {
				r.problem(setting{name: key.Name}, "the value (not shown) is the root key of a network, which anybody can compute; expected the seed of an account of your own")
			}
		}
	}
}

// sshAgent reads ssh-agent:///path/of/socket?account=G….
var sshAgent = kind[SSHAgent]{
	want: "ssh-agent:///path/of/its/socket?account=G… (the address of the account whose key the agent holds)",
	parse: func(s string) (SSHAgent, bool) {
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "ssh-agent" || u.Host != "" || !filepath.IsAbs(u.Path) || u.Path == "/" {
			return SSHAgent{}, false
		}
		agent := SSHAgent{Socket: u.Path, Account: u.Query().Get("account")}
		return agent, strkey.IsValidEd25519PublicKey(agent.Account)
	},
}

// passphrase takes the short names of networks too.
var passphrase = kind[string]{
	want: "public, testnet, local, or the passphrase of another network",
	parse: func(s string) (string, bool) {
		switch s {
		case "public", "mainnet", "pubnet":
			return network.PublicNetworkPassphrase, true
		case "testnet":
			return network.TestNetworkPassphrase, true
		case "futurenet":
			return network.FutureNetworkPassphrase, true
		case "local", "standalone":
			return LocalPassphrase, true
		}
		return s, len(s) >= minPassphrase
	},
}

var seed = kind[Secret]{want: "the secret seed of a Stellar account (56 characters that begin with S)", parse: func(s string) (Secret, bool) {
	_, err := strkey.Decode(strkey.VersionByteSeed, s)
	return NewSecret(s), err == nil
}}
