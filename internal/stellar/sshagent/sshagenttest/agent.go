// Package sshagenttest runs ssh-agents for tests.
package sshagenttest

import (
	"crypto/ed25519"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stellar/go-stellar-sdk/strkey"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh/agent"
)

// Agent is one that a test runs, without keys at first.
type Agent struct {
	t      testing.TB
	Socket string
	start  func()
}

// Kinds are what holds keys behind a socket: OpenSSH's agent, where this machine has it,
// and Go's own.
func Kinds() map[string]func(testing.TB) *Agent {
	kinds := map[string]func(testing.TB) *Agent{"Go's": Keyring}
	if _, err := exec.LookPath("ssh-agent"); err == nil {
		kinds["OpenSSH's"] = openSSH
	}
	return kinds
}

// Best is OpenSSH's agent where this machine has it.
func Best(t testing.TB) *Agent {
	t.Helper()
	if start, ok := Kinds()["OpenSSH's"]; ok {
		return start(t)
	}
	return Keyring(t)
}

// newAgent has a socket, at which nobody listens before Start.
func newAgent(t testing.TB) *Agent {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent") //nolint:usetesting // the path of a socket must be short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return &Agent{t: t, Socket: filepath.Join(dir, "s")}
}

func openSSH(t testing.TB) *Agent {
	t.Helper()
	a := newAgent(t)
	a.start = func() {
		c := exec.CommandContext(t.Context(), "ssh-agent", "-D", "-a", a.Socket)
		require.NoError(t, c.Start())
		t.Cleanup(func() { _ = c.Wait() }) // its context has ended it
	}
	return a
}

// Silent is one that never answers.
func Silent(t testing.TB) *Agent {
	t.Helper()
	a := newAgent(t)
	a.start = func() {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", a.Socket)
		require.NoError(t, err)
		t.Cleanup(func() { _ = l.Close() })
	}
	return a
}

// Keyring is Go's own agent.
func Keyring(t testing.TB) *Agent {
	t.Helper()
	a := newAgent(t)
	a.start = func() {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", a.Socket)
		require.NoError(t, err)
		t.Cleanup(func() { _ = l.Close() })
		keys := agent.NewKeyring()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() { _ = agent.ServeAgent(keys, c) }() // it ends with its connection
			}
		}()
	}
	return a
}

// Start lets the agent listen.
func (a *Agent) Start() *Agent {
	a.t.Helper()
	a.start()
	return a
}

// Add gives it the key of an account.
func (a *Agent) Add(key *keypair.Full) {
	a.t.Helper()
	raw, err := strkey.Decode(strkey.VersionByteSeed, key.Seed())
	require.NoError(a.t, err)
	a.ask(func(c agent.ExtendedAgent) error {
		return c.Add(agent.AddedKey{PrivateKey: ed25519.NewKeyFromSeed(raw)})
	})
}

// Lock has it sign nothing.
func (a *Agent) Lock(password string) {
	a.t.Helper()
	a.ask(func(c agent.ExtendedAgent) error { return c.Lock([]byte(password)) })
}

// Unlock has it sign again.
func (a *Agent) Unlock(password string) {
	a.t.Helper()
	a.ask(func(c agent.ExtendedAgent) error { return c.Unlock([]byte(password)) })
}

// patience is for an agent that has just been started.
const patience = time.Minute

func (a *Agent) ask(do func(agent.ExtendedAgent) error) {
	a.t.Helper()
	var c net.Conn
	require.Eventually(a.t, func() bool {
		var err error
		c, err = (&net.Dialer{}).DialContext(a.t.Context(), "unix", a.Socket)
		return err == nil
	}, patience, 10*time.Millisecond, "an agent at %s", a.Socket)
	defer func() { _ = c.Close() }()
	require.NoError(a.t, do(agent.NewClient(c)))
}
