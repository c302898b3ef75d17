// Package sshagent signs with a key that an ssh-agent holds: no process of ours has
// the seed, and whoever holds the agent may lock it.
package sshagent

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/stellar/go-stellar-sdk/strkey"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"tenant-provisioning/internal/tenant"
)

const (
	// timeout bounds one question to the agent, which answers within milliseconds. One
	// that asks a person to confirm each use would hold up everybody.
	timeout = 5 * time.Second
	// retryDelay is how long a person takes to unlock it.
	retryDelay = 10 * time.Second
)

// Signer signs for one account. Each signature has a connection of its own, so that an
// agent may be restarted at any time.
type Signer struct {
	socket, address, setting string
	key                      ssh.PublicKey
}

// New makes a Signer for an account (G…). setting is what names both, for people. The
// agent need not be there.
func New(socket, address, setting string) (*Signer, error) {
	raw, err := strkey.Decode(strkey.VersionByteAccountID, address)
	if err != nil {
		return nil, fmt.Errorf("%s: %q is not the address of an account (G…): %w", setting, address, err)
	}
	key, err := ssh.NewPublicKey(ed25519.PublicKey(raw))
	if err != nil {
		return nil, fmt.Errorf("%s: make an SSH key of the account %s: %w", setting, address, err)
	}
	return &Signer{socket: socket, address: address, setting: setting, key: key}, nil
}

// Address is the account's.
func (s *Signer) Address() string { return s.address }

// Setting names the agent and the account.
func (s *Signer) Setting() string { return s.setting }

// Sign has the agent sign a hash. Where the agent does not, the error is a
// *tenant.StepError that passes.
func (s *Signer) Sign(ctx context.Context, hash [32]byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	connection, err := (&net.Dialer{}).DialContext(ctx, "unix", s.socket)
	if err != nil {
		return nil, s.away("no ssh-agent answers at "+s.socket, err)
	}
	defer func() { _ = connection.Close() }() // nothing is lost with it
	defer context.AfterFunc(ctx, func() { _ = connection.Close() })()
	held := agent.NewClient(connection)
	signature, err := held.Sign(s.key, hash[:])
	switch {
	case err == nil:
		return signature.Blob, nil
	case ctx.Err() != nil:
		return nil, s.away(fmt.Sprintf("the ssh-agent at %s has not answered within %s", s.socket, timeout), err)
	}
	keys, listErr := held.List()
	if listErr != nil {
		return nil, s.away("the ssh-agent at "+s.socket+" does not say which keys it has", cmp.Or(listErr, err))
	}
	return nil, s.away(s.refusal(keys), err)
}

// refusal tells a key that is not there from one that must not be used. A locked agent
// says that it has none.
func (s *Signer) refusal(keys []*agent.Key) string {
	var others []string
	for _, k := range keys {
		if string(k.Marshal()) == string(s.key.Marshal()) {
			return "the ssh-agent at " + s.socket + " refuses to sign with the key of account " + s.address
		}
		if account, ok := accountOf(k); ok {
			others = append(others, account)
		}
	}
	says := "the ssh-agent at " + s.socket + " does not have the key of account " + s.address
	if len(keys) == 0 {
		return says + ": it is locked (ssh-add -X unlocks it), or was started anew without it (ssh-add adds it)"
	}
	return says + ", but " + cmp.Or(strings.Join(others, ", "), "none of an account") + "; add it by ssh-add"
}

// accountOf is the account whose key an agent has; false for a key of another kind.
func accountOf(k *agent.Key) (string, bool) {
	parsed, err := ssh.ParsePublicKey(k.Marshal())
	if err != nil {
		return "", false
	}
	key, ok := parsed.(ssh.CryptoPublicKey)
	if !ok {
		return "", false
	}
	raw, ok := key.CryptoPublicKey().(ed25519.PublicKey)
	if !ok {
		return "", false
	}
	account, err := strkey.Encode(strkey.VersionByteAccountID, raw)
	return account, err == nil
}

func (s *Signer) away(reason string, err error) error {
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Class: tenant.ClassAuth, Dependency: tenant.DependencySigner, RetryAfter: retryDelay, Err: err,
		Reason: reason + "; " + s.setting + " names it as who signs for the contracts' administrator",
	}
}
