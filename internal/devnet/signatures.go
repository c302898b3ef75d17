package devnet

import (
	"crypto/ed25519"
	"crypto/sha256"

	"github.com/stellar/go-stellar-sdk/xdr"
)

// threshold names one of the four weights of an account.
type threshold int

const (
	thresholdLow    threshold = 1
	thresholdMedium threshold = 2
	thresholdHigh   threshold = 3
)

// signatures judges the signatures of one envelope and notes which were needed:
// one that nobody needed makes the transaction invalid.
type signatures struct {
	hash xdr.Hash
	sigs []xdr.DecoratedSignature
	used []bool
}

func newSignatures(hash xdr.Hash, sigs []xdr.DecoratedSignature) *signatures {
	return &signatures{hash: hash, sigs: sigs, used: make([]bool, len(sigs))}
}

// authorize tells whether the signatures reach the account's threshold.
func (s *signatures) authorize(a *xdr.AccountEntry, t threshold) bool {
	signers := append([]xdr.Signer{{Key: masterKey(a.AccountId), Weight: xdr.Uint32(a.Thresholds[0])}}, a.Signers...)
	return s.reach(signers, int(a.Thresholds[t]))
}

// authorizeKey is authorize for an account that does not exist.
func (s *signatures) authorizeKey(id xdr.AccountId) bool {
	return s.reach([]xdr.Signer{{Key: masterKey(id), Weight: 1}}, 1)
}

func (s *signatures) reach(signers []xdr.Signer, needed int) bool {
	weight := 0
	for _, signer := range signers {
		if signer.Weight == 0 || !s.signed(signer.Key) {
			continue
		}
		weight += int(min(signer.Weight, 255))
		if weight >= needed {
			return true
		}
	}
	return false
}

func (s *signatures) signed(key xdr.SignerKey) bool {
	if key.Type == xdr.SignerKeyTypeSignerKeyTypePreAuthTx {
		return xdr.Hash(*key.PreAuthTx) == s.hash
	}
	for i, sig := range s.sigs {
		if s.matches(key, sig) {
			s.used[i] = true
			return true
		}
	}
	return false
}

func (s *signatures) matches(key xdr.SignerKey, sig xdr.DecoratedSignature) bool {
	switch key.Type {
	case xdr.SignerKeyTypeSignerKeyTypeEd25519:
		return [4]byte(key.Ed25519[28:]) == [4]byte(sig.Hint) && ed25519.Verify(key.Ed25519[:], s.hash[:], sig.Signature)
	case xdr.SignerKeyTypeSignerKeyTypeHashX:
		return sha256.Sum256(sig.Signature) == [32]byte(*key.HashX)
	case xdr.SignerKeyTypeSignerKeyTypeEd25519SignedPayload:
		p := key.Ed25519SignedPayload
		return ed25519.Verify(p.Ed25519[:], p.Payload, sig.Signature)
	default:
		return false
	}
}

func (s *signatures) allUsed() bool {
	for _, used := range s.used {
		if !used {
			return false
		}
	}
	return true
}

func masterKey(id xdr.AccountId) xdr.SignerKey {
	return xdr.SignerKey{Type: xdr.SignerKeyTypeSignerKeyTypeEd25519, Ed25519: id.Ed25519}
}

// needs is the threshold that an operation asks of its source account.
func needs(op xdr.Operation) threshold {
	switch op.Body.Type {
	case xdr.OperationTypeExtendFootprintTtl, xdr.OperationTypeRestoreFootprint, xdr.OperationTypeBumpSequence:
		return thresholdLow
	case xdr.OperationTypeAccountMerge:
		return thresholdHigh
	case xdr.OperationTypeSetOptions:
		o := op.Body.SetOptionsOp
		if o.MasterWeight != nil || o.LowThreshold != nil || o.MedThreshold != nil || o.HighThreshold != nil || o.Signer != nil {
			return thresholdHigh
		}
	}
	return thresholdMedium
}
