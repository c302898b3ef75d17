package devnet

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/stellar/go-stellar-sdk/network"
)

// Passphrase is the default network passphrase: that of a standalone network,
// as the stellar/quickstart image and most SDKs' examples use it.
const Passphrase = "Standalone Network ; February 2017"

// MinCloseInterval is the shortest interval between ledgers that is accepted:
// below it, closing empty ledgers is all that a core does.
const MinCloseInterval = 10 * time.Millisecond

// Config of a Network. The zero value is a network in memory that closes a
// ledger every five seconds.
type Config struct {
	// Passphrase names the network; its hash is part of every signature.
	Passphrase string
	// CloseInterval is the time between ledgers, at least MinCloseInterval.
	// Defaults to 5 s, as on the public network.
	CloseInterval time.Duration
	// DataDir holds the ledger across restarts, for one process at a time. What is
	// pending is lost, as with a core. Empty keeps everything in memory.
	DataDir string
	// CacheDir holds the compiled host, 10 MB, shared by all networks of a
	// machine. Defaults to tenant-provisioning/sorohost in the user's cache
	// directory; without one the host is compiled at each start, 0.7 s.
	CacheDir string
	// MinPersistentTTL is the life of a new persistent entry in ledgers before
	// it is archived. Defaults to testnet's 120,960; see PublicMinPersistentTTL.
	MinPersistentTTL uint32
	// MaxTTL is the longest life that can be bought for an entry, in ledgers.
	// Defaults to 3,110,400, on testnet and the public network: 180 days.
	MaxTTL uint32
	// RetentionLedgers bounds what getTransaction and getEvents can find.
	// Defaults to 17,280: a day of ledgers on the public network.
	RetentionLedgers uint32
	// Now is the clock of close times and time bounds. Defaults to time.Now.
	Now func() time.Time
	// Logger defaults to one that discards.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Passphrase == "" {
		c.Passphrase = Passphrase
	}
	if c.CloseInterval == 0 {
		c.CloseInterval = 5 * time.Second
	}
	if c.CacheDir == "" {
		c.CacheDir = defaultCacheDir()
	}
	if c.MinPersistentTTL == 0 {
		c.MinPersistentTTL = 120_960
	}
	if c.MaxTTL == 0 {
		c.MaxTTL = 3_110_400
	}
	if c.RetentionLedgers == 0 {
		c.RetentionLedgers = 17_280
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// defaultCacheDir is empty where the user has no cache directory, or one that
// cannot be written to, as in many containers.
func defaultCacheDir() string {
	base, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	dir := filepath.Join(base, "tenant-provisioning", "sorohost")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return ""
	}
	return dir
}

func (c Config) validate() error {
	var errs []error
	if c.Passphrase == network.PublicNetworkPassphrase || c.Passphrase == network.TestNetworkPassphrase {
		errs = append(errs, errors.New("a local network must not take the passphrase of the public or the test network"))
	}
	return errors.Join(append(errs, c.conditions().validate())...)
}

// conditions are those that the network begins with.
func (c Config) conditions() Conditions {
	return Conditions{Interval: c.CloseInterval, MinPersistentTTL: c.MinPersistentTTL, MaxTTL: c.MaxTTL}
}
