package stellar_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/stellar/submit"
	"tenant-provisioning/internal/tenant"
)

func TestSetupMayBeRunTwice(t *testing.T) {
	t.Parallel()
	b := setup(t)
	d := b.with(t, nil) // the local network names its friendbot
	for range 2 {
		var said []string
		require.NoError(t, d.Setup(testContext(t), func(s string) { said = append(said, s) }))
		require.Contains(t, strings.Join(said, "\n"), "account "+d.Address()+" has ")
	}
	want := []string{"CREATE_CHANNELS APPLIED", "UPLOAD_CODE APPLIED"}
	require.Equal(t, want, b.purposes(t))
	for i := range 3 {
		_, err := newClient(t, b.url).LoadAccount(t.Context(), d.ChannelKey(i).Address())
		require.NoError(t, err)
	}

	more := b.with(t, func(c *stellar.Config) { c.Channels = 205 })
	balances, err := more.Balances(testContext(t))
	require.NoError(t, err)
	require.Greater(t, balances.Deployer, balances.Needed, "friendbot is generous")
	require.Nil(t, balances.FeePayer)
	require.GreaterOrEqual(t, balances.LowestChannel, 1.0, "its reserve")
	require.Equal(t, 202, balances.Missing, "of more than one answer has")
	require.NoError(t, more.Setup(testContext(t), nil))
	require.Equal(t, 4, countOf(b.purposes(t), "CREATE_CHANNELS APPLIED"), "at most 100 in one transaction")
	_, err = newClient(t, b.url).LoadAccount(t.Context(), more.ChannelKey(204).Address())
	require.NoError(t, err)
}

func TestIdentitiesNeverChange(t *testing.T) {
	t.Parallel()
	c := stellar.Config{
		RPCURL: "http://127.0.0.1:1", Passphrase: "Standalone Network ; February 2017", Wasm: []byte("code"),
		Deployer: stellar.Seed(keypair.Master("a test").(*keypair.Full).Seed()),
	}
	d, err := stellar.New(c, nil)
	require.NoError(t, err)
	const id = tenant.ID("01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11")
	// Whoever changes one of these moves every contract, or strands every
	// channel account.
	contract, err := d.ContractID(id, 1, nil)
	require.NoError(t, err)
	require.Equal(t, "CBVJ7OKD4MXDOYNNUOAYK5PYOXADMYZNEHM46PS5IHHYSZUZ72VY2FSB", contract)
	require.Equal(t, "ed67c5c66d83a4dc3cfe79cc3fd96d0f90091f7d23bc1f183f2758d91dc8b99a", fmt.Sprintf("%x", stellar.Commitment(id, 1, nil)))
	require.Equal(t, "GAIEBHYPQK2KJP5F6UFRJJX6PPFIPLGHZ2365MQGOMW5YGWTPEBMELJY", d.ChannelKey(0).Address())
	withNonce, err := d.ContractID(id, 1, aNonce)
	require.NoError(t, err)
	require.Equal(t, "CBEW4NIWVS44MWQ76QPZUBKCO5IJ44ULGBR67TOHSYX3K6VBT5UVCNIQ", withNonce)
	require.NotEqual(t, contract, withNonce)
	require.Equal(t, "3771a64e644777494e67ca813d865cf3d4cc8e0b08c03359198735b9f9ee5bbd", fmt.Sprintf("%x", stellar.Commitment(id, 1, aNonce)))
	require.NotEqual(t, stellar.Salt(id, 1, nil), stellar.Commitment(id, 1, nil))

	seen := []string{contract}
	for generation := 2; generation < 20; generation++ {
		next, err := d.ContractID(id, generation, nil)
		require.NoError(t, err)
		require.NotContains(t, seen, next)
		seen = append(seen, next)
	}
}

func TestSettingsAreCheckedAllAtOnceAndSecretsNeverShown(t *testing.T) {
	t.Parallel()
	_, err := stellar.New(stellar.Config{RPCURL: "ftp://x", Deployer: "SECRETVALUE", Channels: 5000, Limits: submit.Limits{Transaction: 1}}, nil)
	for _, name := range []string{"SOROBAN_RPC_URL", "SOROBAN_NETWORK", "SOROBAN_CONTRACT_DEPLOYER_SECRET", "SOROBAN_CHANNELS", "SOROBAN_MAX_FEE", "code"} {
		require.ErrorContains(t, err, name)
	}
	require.NotContains(t, err.Error(), "SECRETVALUE")

	c := stellar.Config{Deployer: "SECRETVALUE", ChannelSecret: "SECRETVALUE", FeePayer: "SECRETVALUE"}
	asJSON, err := json.Marshal(c.Deployer)
	require.NoError(t, err)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "config", c.Deployer)
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s %x", c, c, c, c.Deployer, c.Deployer), string(asJSON), log.String()} {
		require.NotContains(t, shown, "SECRETVALUE")
		require.NotContains(t, shown, fmt.Sprintf("%x", "SECRETVALUE"))
	}
}
