package submit

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"
)

// Signer signs for one account. Its key may be elsewhere.
type Signer interface {
	// Address is the account's (G…).
	Address() string
	// Setting is what says who signs, as operators know it.
	Setting() string
	// Sign gives the Ed25519 signature of a hash. An error says what to do about a
	// signer that is away or refuses: it is everybody's, and passes.
	Sign(ctx context.Context, hash [32]byte) ([]byte, error)
}

// KeyPair signs with a key of this process.
func KeyPair(key *keypair.Full, setting string) Signer { return keyPair{key, setting} }

type keyPair struct {
	key     *keypair.Full
	setting string
}

func (k keyPair) Address() string { return k.key.Address() }
func (k keyPair) Setting() string { return k.setting }

func (k keyPair) Sign(_ context.Context, hash [32]byte) ([]byte, error) { return k.key.Sign(hash[:]) }

// sign makes the signature of a hash as an envelope holds it.
func sign(ctx context.Context, by Signer, hash [32]byte) (xdr.DecoratedSignature, error) {
	signature, err := by.Sign(ctx, hash)
	if err != nil {
		return xdr.DecoratedSignature{}, err
	}
	key, err := keypair.ParseAddress(by.Address())
	if err != nil {
		return xdr.DecoratedSignature{}, fmt.Errorf("read the address that %s names: %w", by.Setting(), err)
	}
	// A signature that its account's key has not made would be refused by the
	// network in words that are about the account.
	if err := key.Verify(hash[:], signature); err != nil {
		return xdr.DecoratedSignature{}, fmt.Errorf("what %s names has signed with another key than that of %s: %w", by.Setting(), by.Address(), err)
	}
	return xdr.NewDecoratedSignature(signature, key.Hint()), nil
}

// probed is what a signer is asked to sign to see whether it does. No transaction has
// this hash.
var probed = sha256.Sum256([]byte("tenant-provisioning/signer-probe/v1"))

// Verify asks whether somebody signs now, with the key of the account.
func Verify(ctx context.Context, by Signer) error {
	_, err := sign(ctx, by, probed)
	return err
}

// signer is who signs for one of our accounts.
func (s *Submitter) signer(address string) (Signer, error) {
	for _, ours := range append([]Signer{s.cfg.Deployer}, s.cfg.Admins...) {
		if address == ours.Address() {
			return ours, nil
		}
	}
	if channel, ok := s.channels[address]; ok {
		return channel, nil
	}
	return nil, fmt.Errorf("the key of account %s is not derived from %s", address, channelSetting)
}

// signers are all who must sign a transaction of source: for itself, and for the
// sources of its operations. One signature too many is txBAD_AUTH_EXTRA.
func (s *Submitter) signers(source string, ops []txnbuild.Operation) ([]Signer, error) {
	addresses := map[string]bool{source: true}
	for _, op := range ops {
		if account := op.GetSourceAccount(); account != "" {
			addresses[account] = true
		}
	}
	signers := make([]Signer, 0, len(addresses))
	for address := range addresses {
		by, err := s.signer(address)
		if err != nil {
			return nil, err
		}
		signers = append(signers, by)
	}
	return signers, nil
}
