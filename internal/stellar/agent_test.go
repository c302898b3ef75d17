package stellar_test

import (
	"crypto/rand"
	"testing"

	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/doctor"
	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/stellar/sshagent"
	"tenant-provisioning/internal/stellar/sshagent/sshagenttest"
	"tenant-provisioning/internal/tenant"
)

// TestAnAgentSignsForTheAdministrator, whose seed no worker has. While it is away, is
// locked or lacks the key, what changes a contract waits, and nothing is journalled.
func TestAnAgentSignsForTheAdministrator(t *testing.T) {
	t.Parallel()
	for name, start := range sshagenttest.Kinds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, admin, other := ready(t), keypair.MustRandom(), keypair.MustRandom()
			agent := start(t)
			signer, err := sshagent.New(agent.Socket, admin.Address(), "SOROBAN_ADMIN_SIGNER")
			require.NoError(t, err)
			d := b.with(t, func(c *stellar.Config) { c.AdminSigner = signer })
			require.NoError(t, d.Setup(testContext(t), nil), "which asks for no signature")
			f := b.newTenant(t)
			id, err := d.Deploy(testContext(t), f, nil)
			require.NoError(t, err, "a contract is made without its administrator")

			waits := func(says ...string) {
				t.Helper()
				s := stepError(t, d.SetStatus(testContext(t), f, id, tenant.ContractSuspended, nil))
				require.Equal(t, tenant.DependencySigner, s.Dependency)
				require.False(t, s.Permanent)
				require.Positive(t, s.RetryAfter)
				for _, word := range append(says, "SOROBAN_ADMIN_SIGNER") {
					require.Contains(t, s.Reason, word)
				}
				require.Error(t, d.ProbeSigner(testContext(t)))
				requireLine(t, b.examined(t, d)["signer"], doctor.Failure, "signer-away.md")
				require.Len(t, b.transactions(t, f), 1, "the deployment's alone")
				b.requireConsistent(t)
			}
			waits("no ssh-agent answers", agent.Socket)
			agent.Start().Add(other)
			waits("does not have the key of account "+admin.Address(), "but "+other.Address())
			agent.Add(admin)
			require.NoError(t, d.ProbeSigner(testContext(t)))
			password := rand.Text()
			agent.Lock(password)
			waits("it is locked")
			b.requireStatus(t, d, id, tenant.ContractActive)

			agent.Unlock(password)
			require.NoError(t, d.ProbeSigner(testContext(t)))
			requireLine(t, b.examined(t, d)["signer"], doctor.OK, "SOROBAN_ADMIN_SIGNER signs for "+admin.Address())
			require.NoError(t, d.SetStatus(testContext(t), f, id, tenant.ContractSuspended, nil))
			b.requireStatus(t, d, id, tenant.ContractSuspended)
			require.NoError(t, d.Terminate(testContext(t), b.rollBack(t, f), nil))
			b.requireStatus(t, d, id, tenant.ContractTerminated)
		})
	}
}

// TestAnAgentThatDoesNotAnswerIsLeft: a person who must confirm each use is away.
func TestAnAgentThatDoesNotAnswerIsLeft(t *testing.T) {
	t.Parallel()
	signer, err := sshagent.New(sshagenttest.Silent(t).Start().Socket, keypair.MustRandom().Address(), "SOROBAN_ADMIN_SIGNER")
	require.NoError(t, err)
	_, err = signer.Sign(testContext(t), [32]byte{1})
	s := stepError(t, err)
	require.Equal(t, tenant.DependencySigner, s.Dependency)
	require.Contains(t, s.Reason, "has not answered within")
}
