package stellar

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"io"
	"strconv"

	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stellar/go-stellar-sdk/network"
	"github.com/stellar/go-stellar-sdk/strkey"
	"github.com/stellar/go-stellar-sdk/xdr"

	"tenant-provisioning/internal/tenant"
)

// The domains keep the salt, which everybody sees, apart from the commitment.
// Changing one changes the address of every contract.
const (
	saltDomain       = "tenant-provisioning/contract-salt/v1"
	commitmentDomain = "tenant-provisioning/tenant-commitment/v1"
	channelDomain    = "tenant-provisioning/stellar-channel/"
)

// Nonce is a secret of one generation of a tenant, of 32 random bytes: without it,
// nobody who knows the tenant's id finds the contract. Empty: the tenant was accepted
// before there were nonces.
type Nonce []byte

// Format hides the nonce from every verb of fmt.
func (n Nonce) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// Salt is what makes the address of a tenant's contract its own.
func Salt(id tenant.ID, generation int, n Nonce) [32]byte {
	return digest(saltDomain, id, generation, n)
}

// Commitment is all that the contract knows of its tenant. Who knows the tenant's id
// and the nonce can prove that the contract is that tenant's; nobody else can tell.
func Commitment(id tenant.ID, generation int, n Nonce) [32]byte {
	return digest(commitmentDomain, id, generation, n)
}

func digest(domain string, id tenant.ID, generation int, n Nonce) [32]byte {
	text := domain + "\x00" + string(id) + "\x00" + strconv.Itoa(generation)
	if len(n) > 0 {
		text += "\x00" + string(n)
	}
	return sha256.Sum256([]byte(text))
}

// preimage is what the address of a contract is the hash of, with the network.
func preimage(deployer xdr.AccountId, salt [32]byte) xdr.ContractIdPreimage {
	return xdr.ContractIdPreimage{
		Type: xdr.ContractIdPreimageTypeContractIdPreimageFromAddress,
		FromAddress: &xdr.ContractIdPreimageFromAddress{
			Address: accountAddress(deployer),
			Salt:    salt,
		},
	}
}

func contractAddress(passphrase string, p xdr.ContractIdPreimage) (xdr.ContractId, error) {
	raw, err := xdr.HashIdPreimage{
		Type: xdr.EnvelopeTypeEnvelopeTypeContractId,
		ContractId: &xdr.HashIdPreimageContractId{
			NetworkId:          network.ID(passphrase),
			ContractIdPreimage: p,
		},
	}.MarshalBinary()
	if err != nil {
		return xdr.ContractId{}, fmt.Errorf("compute a contract's address: %w", err)
	}
	return sha256.Sum256(raw), nil
}

func parseContract(address string) (xdr.ContractId, error) {
	raw, err := strkey.Decode(strkey.VersionByteContract, address)
	if err != nil {
		return xdr.ContractId{}, fmt.Errorf("%q is not the address of a contract (C…): %w", address, err)
	}
	return xdr.ContractId(raw), nil
}

// channelKeys derives the channel accounts. The same secret and number give
// the same account, so none of them is stored.
func channelKeys(secret *keypair.Full, n int) ([]*keypair.Full, error) {
	raw, err := strkey.Decode(strkey.VersionByteSeed, secret.Seed())
	if err != nil {
		return nil, fmt.Errorf("read the channels' secret: %w", err)
	}
	keys := make([]*keypair.Full, n)
	for i := range keys {
		seed, err := hkdf.Key(sha256.New, raw, nil, channelDomain+strconv.Itoa(i), 32)
		if err != nil {
			return nil, fmt.Errorf("derive channel account %d: %w", i, err)
		}
		if keys[i], err = keypair.FromRawSeed([32]byte(seed)); err != nil {
			return nil, fmt.Errorf("derive channel account %d: %w", i, err)
		}
	}
	return keys, nil
}

func accountAddress(id xdr.AccountId) xdr.ScAddress {
	return xdr.ScAddress{Type: xdr.ScAddressTypeScAddressTypeAccount, AccountId: &id}
}

func contractScAddress(id xdr.ContractId) xdr.ScAddress {
	return xdr.ScAddress{Type: xdr.ScAddressTypeScAddressTypeContract, ContractId: &id}
}
