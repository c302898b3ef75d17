package devnet

import (
	"slices"

	"github.com/stellar/go-stellar-sdk/xdr"
)

// maxSigners bounds the signers of an account besides its own key.
const maxSigners = 20

func checkOptions(source xdr.AccountId, op *xdr.SetOptionsOp) xdr.OperationResult {
	for _, w := range []*xdr.Uint32{op.MasterWeight, op.LowThreshold, op.MedThreshold, op.HighThreshold} {
		if w != nil && *w > 255 {
			return optionsResult(xdr.SetOptionsResultCodeSetOptionsThresholdOutOfRange)
		}
	}
	if s := op.Signer; s != nil && (s.Weight > 255 || s.Key.Type == xdr.SignerKeyTypeSignerKeyTypeEd25519 && *s.Key.Ed25519 == *source.Ed25519) {
		return optionsResult(xdr.SetOptionsResultCodeSetOptionsBadSigner)
	}
	if op.InflationDest != nil || op.SetFlags != nil || op.ClearFlags != nil {
		return notSupported() // they matter to issuers of assets
	}
	return optionsResult(xdr.SetOptionsResultCodeSetOptionsSuccess)
}

func applyOptions(l *layer, seq uint32, source xdr.AccountId, op *xdr.SetOptionsOp) xdr.OperationResult {
	a := account(l, source)
	for i, w := range []*xdr.Uint32{op.MasterWeight, op.LowThreshold, op.MedThreshold, op.HighThreshold} {
		if w != nil {
			a.Thresholds[i] = byte(*w)
		}
	}
	if op.HomeDomain != nil {
		a.HomeDomain = *op.HomeDomain
	}
	if op.Signer != nil {
		if r := setSigner(a, *op.Signer); !succeeded(r) {
			return r
		}
	}
	setAccount(l, a, seq)
	return optionsResult(xdr.SetOptionsResultCodeSetOptionsSuccess)
}

func setSigner(a *xdr.AccountEntry, s xdr.Signer) xdr.OperationResult {
	at := slices.IndexFunc(a.Signers, func(o xdr.Signer) bool { return o.Key.Equals(s.Key) })
	switch {
	case s.Weight == 0 && at >= 0:
		a.Signers = slices.Delete(a.Signers, at, at+1)
		a.NumSubEntries--
	case s.Weight == 0: // nothing to remove
	case at >= 0:
		a.Signers[at].Weight = s.Weight
	case len(a.Signers) == maxSigners:
		return optionsResult(xdr.SetOptionsResultCodeSetOptionsTooManySigners)
	case available(a) < baseReserve:
		return optionsResult(xdr.SetOptionsResultCodeSetOptionsLowReserve)
	default:
		a.Signers = append(a.Signers, s)
		a.NumSubEntries++
		// kept in order, as the protocol demands
		slices.SortFunc(a.Signers, func(x, y xdr.Signer) int { return slices.Compare(encode(x.Key), encode(y.Key)) })
	}
	if a.Ext.V1 != nil && a.Ext.V1.Ext.V2 != nil {
		a.Ext.V1.Ext.V2.SignerSponsoringIDs = make([]xdr.SponsorshipDescriptor, len(a.Signers))
	}
	return optionsResult(xdr.SetOptionsResultCodeSetOptionsSuccess)
}
