package stack

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"filippo.io/age"
	"github.com/stellar/go-stellar-sdk/keypair"
)

// secrets are made once and kept with the data that they open.
type secrets struct {
	DBPassword   string `json:"dbPassword"`
	JWT          string `json:"jwtSecret"`    // at least 64 characters
	MailKey      string `json:"mailApiKey"`   // stands for SendGrid's API key
	Deployer     string `json:"deployerSeed"` // Stellar account that owns the contracts
	ChannelsSeed string `json:"channelsSeed"` // from which channel accounts are derived
	Backup       backup `json:"backup"`
}

// backup is what makes backups and opens them again.
type backup struct {
	Identity   string `json:"identity"`   // of age
	Recipient  string `json:"recipient"`  // its public half
	SigningKey string `json:"signingKey"` // 32 bytes in base64
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
	if s.Backup != (backup{}) {
		return s, nil
	}
	// The stack is from before there were backups.
	if s.Backup, err = newBackup(); err != nil {
		return secrets{}, err
	}
	return s, s.keep(path)
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
	keys, err := newBackup()
	if err != nil {
		return secrets{}, err
	}
	s := secrets{
		// By the mark a production setting that was copied from here is refused.
		DBPassword: demoMark + random(16), JWT: demoMark + random(48), MailKey: "SG." + demoMark + random(16),
		Deployer: deployer.Seed(), ChannelsSeed: channels.Seed(), Backup: keys,
	}
	return s, s.keep(path)
}

func newBackup() (backup, error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return backup{}, fmt.Errorf("make the key of the backups: %w", err)
	}
	seed := make([]byte, 32)
	rand.Read(seed)
	return backup{identity.String(), identity.Recipient().String(), base64.StdEncoding.EncodeToString(seed)}, nil
}

// keep writes them where the next start finds them, all or none.
func (s secrets) keep(path string) error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the stack's secrets: %w", err)
	}
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("keep the stack's secrets: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("keep the stack's secrets: %w", err)
	}
	return nil
}

// random returns n random bytes in hexadecimal.
func random(n int) string {
	raw := make([]byte, n)
	rand.Read(raw) // it never fails: the program ends without randomness
	return hex.EncodeToString(raw)
}
