package stack

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/stellar/go-stellar-sdk/keypair"
)

// secrets are made once and kept with the data that they open.
type secrets struct {
	DBPassword   string `json:"dbPassword"`
	JWT          string `json:"jwtSecret"`    // at least 64 characters
	MailKey      string `json:"mailApiKey"`   // stands for SendGrid's API key
	Deployer     string `json:"deployerSeed"` // Stellar account that owns the contracts
	ChannelsSeed string `json:"channelsSeed"` // from which channel accounts are derived
}

// demoMark is internal/config's DemoMark. It is not imported: with it would
// come libraries in other versions than the Temporal server is built with.
const demoMark = "devstack"

func loadSecrets(path string) (secrets, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return newSecrets(path)
	}
	if err != nil {
		return secrets{}, fmt.Errorf("read the stack's secrets: %w", err)
	}
	var s secrets
	if err := json.Unmarshal(raw, &s); err != nil {
		return secrets{}, fmt.Errorf("read the stack's secrets in %s: %w", path, err)
	}
	if s.DBPassword == "" || s.JWT == "" || s.MailKey == "" || s.Deployer == "" || s.ChannelsSeed == "" {
		return secrets{}, fmt.Errorf("%s lacks a secret: remove the data directory to start afresh", path)
	}
	return s, nil
}

func newSecrets(path string) (secrets, error) {
	deployer, err := keypair.Random()
	if err != nil {
		return secrets{}, fmt.Errorf("make the deployer's key: %w", err)
	}
	channels, err := keypair.Random()
	if err != nil {
		return secrets{}, fmt.Errorf("make the channels' key: %w", err)
	}
	s := secrets{
		// By the mark a production setting that was copied from here is refused.
		DBPassword: demoMark + random(16), JWT: demoMark + random(48), MailKey: "SG." + demoMark + random(16),
		Deployer: deployer.Seed(), ChannelsSeed: channels.Seed(),
	}
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return secrets{}, fmt.Errorf("encode the stack's secrets: %w", err)
	}
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, append(raw, '\n'), 0o600); err != nil {
		return secrets{}, fmt.Errorf("keep the stack's secrets: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return secrets{}, fmt.Errorf("keep the stack's secrets: %w", err)
	}
	return s, nil
}

// random returns n random bytes in hexadecimal.
func random(n int) string {
	raw := make([]byte, n)
	rand.Read(raw) // it never fails: the program ends without randomness
	return hex.EncodeToString(raw)
}
