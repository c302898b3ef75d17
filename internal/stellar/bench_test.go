package stellar_test

import (
	"testing"

	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stretchr/testify/require"

	tenantcontract "tenant-provisioning/contracts/tenant"
	"tenant-provisioning/internal/devnet"
	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/tenant"
)

const benchTenant tenant.ID = "01920e6a-7c1d-7fd2-8a31-5c6f7d8e9f01"

func BenchmarkSalt(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		stellar.Salt(benchTenant, 1, aNonce)
	}
}

func BenchmarkCommitment(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		stellar.Commitment(benchTenant, 1, aNonce)
	}
}

// BenchmarkContractID is the address of a tenant's contract, which follows from its salt.
func BenchmarkContractID(b *testing.B) {
	d, err := stellar.New(stellar.Config{
		RPCURL: "http://localhost", Passphrase: devnet.Passphrase, Deployer: stellar.Seed(keypair.MustRandom().Seed()), Wasm: tenantcontract.Wasm,
	}, nil)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.ContractID(benchTenant, 1, aNonce); err != nil {
			b.Fatal(err)
		}
	}
}
