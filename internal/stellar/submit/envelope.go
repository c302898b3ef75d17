package submit

import (
	"context"
	"encoding/hex"
	"fmt"

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

// seal has the inner transaction signed by all who must, and wraps it into a
// fee-bump.
func (s *Submitter) seal(ctx context.Context, tx *txnbuild.Transaction, fee int64) (hash, envelope string, err error) {
	digest, err := tx.Hash(s.cfg.Passphrase)
	if err != nil {
		return "", "", fmt.Errorf("hash a transaction: %w", err)
	}
	source := tx.SourceAccount()
	signers, err := s.signers(source.AccountID, tx.Operations())
	if err != nil {
		return "", "", err
	}
	for _, by := range signers {
		signature, err := sign(ctx, by, digest)
		if err != nil {
			return "", "", err
		}
		if tx, err = tx.AddSignatureDecorated(signature); err != nil {
			return "", "", fmt.Errorf("sign a transaction: %w", err)
		}
	}
	envelope, err = s.bump(ctx, tx.ToXDR().V1, fee)
	return hex.EncodeToString(digest[:]), envelope, err
}

// bump wraps a signed transaction so that the fee payer pays, at most fee. The
// SDK's own fee-bump cannot be made from parsed XDR: it would count the
// resource fee twice.
func (s *Submitter) bump(ctx context.Context, inner *xdr.TransactionV1Envelope, fee int64) (string, error) {
	e := xdr.FeeBumpTransactionEnvelope{Tx: xdr.FeeBumpTransaction{
		FeeSource: xdr.MustMuxedAddress(s.cfg.FeePayer.Address()),
		Fee:       xdr.Int64(fee),
		InnerTx:   xdr.FeeBumpTransactionInnerTx{Type: xdr.EnvelopeTypeEnvelopeTypeTx, V1: inner},
	}}
	hash, err := network.HashFeeBumpTransaction(e.Tx, s.cfg.Passphrase)
	if err != nil {
		return "", fmt.Errorf("hash a fee-bump: %w", err)
	}
	signature, err := sign(ctx, s.cfg.FeePayer, hash)
	if err != nil {
		return "", err
	}
	e.Signatures = []xdr.DecoratedSignature{signature}
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

// authority is the account that authorises the operations.
func (o opened) authority() string {
	inner := o.bump.Tx.InnerTx.V1.Tx
	source := inner.SourceAccount
	if len(inner.Operations) > 0 && inner.Operations[0].SourceAccount != nil {
		source = *inner.Operations[0].SourceAccount
	}
	return source.ToAccountId().Address()
}

// resourceFee is the part of the fee that is no bid.
func (o opened) resourceFee() int64 {
	ext := o.bump.Tx.InnerTx.V1.Tx.Ext
	if ext.SorobanData == nil {
		return 0
	}
	return int64(ext.SorobanData.ResourceFee)
}
