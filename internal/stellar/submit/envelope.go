package submit

import (
	"encoding/hex"
	"fmt"

	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stellar/go-stellar-sdk/network"
	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"
)

// build makes the inner transaction, unsigned. Its own fee is the network's
// minimum; the fee-bump around it makes the bid.
func build(source string, sequence, maxTime int64, ops []txnbuild.Operation) (*txnbuild.Transaction, error) {
	tx, err := txnbuild.NewTransaction(txnbuild.TransactionParams{
		SourceAccount: &txnbuild.SimpleAccount{AccountID: source, Sequence: sequence},
		Operations:    ops,
		BaseFee:       txnbuild.MinBaseFee,
		Preconditions: txnbuild.Preconditions{TimeBounds: txnbuild.NewTimebounds(0, maxTime)},
	})
	if err != nil {
		return nil, fmt.Errorf("build a transaction: %w", err)
	}
	return tx, nil
}

// seal signs the inner transaction for its source and the deployer, whose
// operations it holds, and wraps it into a fee-bump.
func (s *Submitter) seal(tx *txnbuild.Transaction, source *keypair.Full, fee int64) (hash, envelope string, err error) {
	signers := []*keypair.Full{s.cfg.Deployer}
	if source.Address() != s.cfg.Deployer.Address() {
		// One signature too many is txBAD_AUTH_EXTRA.
		signers = append(signers, source)
	}
	if tx, err = tx.Sign(s.cfg.Passphrase, signers...); err != nil {
		return "", "", fmt.Errorf("sign a transaction: %w", err)
	}
	if hash, err = tx.HashHex(s.cfg.Passphrase); err != nil {
		return "", "", fmt.Errorf("hash a transaction: %w", err)
	}
	envelope, err = s.bump(tx.ToXDR().V1, fee)
	return hash, envelope, err
}

// bump wraps a signed transaction so that the fee payer pays, at most fee. The
// SDK's own fee-bump cannot be made from parsed XDR: it would count the
// resource fee twice.
func (s *Submitter) bump(inner *xdr.TransactionV1Envelope, fee int64) (string, error) {
	e := xdr.FeeBumpTransactionEnvelope{Tx: xdr.FeeBumpTransaction{
		FeeSource: xdr.MustMuxedAddress(s.cfg.FeePayer.Address()),
		Fee:       xdr.Int64(fee),
		InnerTx:   xdr.FeeBumpTransactionInnerTx{Type: xdr.EnvelopeTypeEnvelopeTypeTx, V1: inner},
	}}
	hash, err := network.HashFeeBumpTransaction(e.Tx, s.cfg.Passphrase)
	if err != nil {
		return "", fmt.Errorf("hash a fee-bump: %w", err)
	}
	sig, err := s.cfg.FeePayer.SignDecorated(hash[:])
	if err != nil {
		return "", fmt.Errorf("sign a fee-bump: %w", err)
	}
	e.Signatures = []xdr.DecoratedSignature{sig}
	envelope, err := xdr.MarshalBase64(xdr.TransactionEnvelope{Type: xdr.EnvelopeTypeEnvelopeTypeTxFeeBump, FeeBump: &e})
	if err != nil {
		return "", fmt.Errorf("encode a fee-bump: %w", err)
	}
	return envelope, nil
}

// opened is a journalled envelope, read back.
type opened struct {
	bump *xdr.FeeBumpTransactionEnvelope
	// hash is the outer hash, which the server answers with.
	hash string
}

func (s *Submitter) open(envelope string) (opened, error) {
	var e xdr.TransactionEnvelope
	if err := xdr.SafeUnmarshalBase64(envelope, &e); err != nil {
		return opened{}, fmt.Errorf("read a journalled envelope: %w", err)
	}
	if !e.IsFeeBump() {
		return opened{}, fmt.Errorf("read a journalled envelope: it is a %s", e.Type)
	}
	h, err := network.HashFeeBumpTransaction(e.FeeBump.Tx, s.cfg.Passphrase)
	if err != nil {
		return opened{}, fmt.Errorf("hash a fee-bump: %w", err)
	}
	return opened{bump: e.FeeBump, hash: hex.EncodeToString(h[:])}, nil
}

// resourceFee is the part of the fee that is no bid.
func (o opened) resourceFee() int64 {
	ext := o.bump.Tx.InnerTx.V1.Tx.Ext
	if ext.SorobanData == nil {
		return 0
	}
	return int64(ext.SorobanData.ResourceFee)
}
