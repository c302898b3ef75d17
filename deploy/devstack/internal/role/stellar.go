package role

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"time"

	"tenant-provisioning/deploy/devstack/internal/port"
	"tenant-provisioning/internal/devnet"
)

// StellarPorts is how many consecutive ports the network takes.
const StellarPorts = 2

// Stellar is the local Stellar network: RPC on /, friendbot on /friendbot.
type Stellar struct {
	Port       int  // and the next one with Control
	Control    bool // serve the control endpoint for tests
	Passphrase string
	Interval   time.Duration // between ledgers
	DataDir    string        // empty: in memory
	CacheDir   string        // for the compiled host
	LogFile    string
}

// Name implements [Role].
func (s *Stellar) Name() string { return "stellar" }

// Bind implements [Role].
func (s *Stellar) Bind(flags *flag.FlagSet) {
	if s.Interval == 0 {
		s.Interval = time.Second
	}
	flags.IntVar(&s.Port, "port", s.Port, "port of RPC and friendbot (0: a free one)")
	flags.BoolVar(&s.Control, "control", s.Control, "serve the control endpoint for tests on the next port")
	flags.StringVar(&s.Passphrase, "passphrase", or(s.Passphrase, devnet.Passphrase), "passphrase of the network")
	flags.DurationVar(&s.Interval, "interval", s.Interval, "time between ledgers")
	flags.StringVar(&s.DataDir, "data-dir", s.DataDir, "keep the ledger in this directory (default: in memory)")
	flags.StringVar(&s.CacheDir, "cache-dir", s.CacheDir, "keep the compiled contract host in this directory")
	flags.StringVar(&s.LogFile, "log-file", s.LogFile, "append the log to this file (default: standard error)")
}

// Secrets implements [Role].
func (s *Stellar) Secrets() []string { return nil }

// ReadSecrets implements [Role].
func (s *Stellar) ReadSecrets(func(string) string) {}

// Start implements [Role].
func (s *Stellar) Start(ctx context.Context) (Component, error) {
	if err := pickPort(&s.Port, StellarPorts); err != nil {
		return nil, err
	}
	log, err := openLog(s.LogFile)
	if err != nil {
		return nil, err
	}
	network, err := devnet.Open(ctx, devnet.Config{
		Passphrase: s.Passphrase, CloseInterval: s.Interval, DataDir: s.DataDir, CacheDir: s.CacheDir,
		Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		return nil, fmt.Errorf("open the local Stellar network: %w", err)
	}
	return s.run(network)
}

// run closes ledgers until the component is stopped.
func (s *Stellar) run(network *devnet.Network) (Component, error) {
	ctx, cancel := context.WithCancel(context.Background())
	closed := make(chan error, 1)
	go func() { closed <- network.Run(ctx) }()
	end := func() error {
		cancel()
		err := <-closed
		if errors.Is(err, context.Canceled) {
			err = nil
		}
		return errors.Join(err, network.Close())
	}
	if !s.Control {
		return serve(s.Port, network, end)
	}
	control, err := serve(s.Port+1, network.Control(), end)
	if err != nil {
		return nil, err
	}
	return serve(s.Port, network, func() error { return control.Stop(context.Background()) })
}

// URL is the address of the network's RPC.
func (s *Stellar) URL() string { return "http://" + port.Address(s.Port) }

// Addresses implements [Role].
func (s *Stellar) Addresses() map[string]string {
	addresses := map[string]string{"SOROBAN_RPC_URL": s.URL(), "SOROBAN_NETWORK": s.Passphrase}
	if s.Control {
		addresses["STELLAR_CONTROL_URL"] = "http://" + port.Address(s.Port+1)
	}
	return addresses
}
