package devnet

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/creachadair/jrpc2"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/xdr"
)

// maxLatency is how long after its time a ledger may close before the network
// calls itself unhealthy, as Stellar RPC.
const maxLatency = 30 * time.Second

const (
	maxLedgerKeys       = 200 // of one getLedgerEntries, as Stellar RPC
	maxLedgersPage      = 200
	defaultLedgersPage  = 50
	maxTransactionsPage = 200
	defaultTxsPage      = 50
)

func (n *Network) getHealth(context.Context, protocol.GetHealthRequest) (protocol.GetHealthResponse, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	seen := n.seen()
	oldest, latest := seen.oldest(), seen.latest()
	stale := maxLatency + n.conditions.get().Interval
	if latency := n.cfg.Now().Sub(time.Unix(latest.closeTime, 0)); latency > stale {
		return protocol.GetHealthResponse{}, &jrpc2.Error{
			Code:    jrpc2.InternalError,
			Message: fmt.Sprintf("latency (%v) since last known ledger closed is too high (>%v)", latency.Round(time.Second), stale),
		}
	}
	return protocol.GetHealthResponse{
		Status: "healthy", LatestLedger: latest.seq, LatestLedgerCloseTime: latest.closeTime,
		OldestLedger: oldest.seq, OldestLedgerCloseTime: oldest.closeTime, LedgerRetentionWindow: n.cfg.RetentionLedgers,
	}, nil
}

func (n *Network) getNetwork(_ context.Context, p networkParams) (protocol.GetNetworkResponse, error) {
	return protocol.GetNetworkResponse{FriendbotURL: p.FriendbotURL, Passphrase: n.cfg.Passphrase, ProtocolVersion: int(n.protocol)}, nil
}

func (n *Network) getVersionInfo(context.Context, protocol.GetVersionInfoRequest) (protocol.GetVersionInfoResponse, error) {
	return protocol.GetVersionInfoResponse{
		Version: "devnet", CaptiveCoreVersion: "none: soroban-env-host 28.0.2", ProtocolVersion: n.protocol,
	}, nil
}

func (n *Network) getLatestLedger(context.Context) (protocol.GetLatestLedgerResponse, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	l := n.seen().latest()
	return protocol.GetLatestLedgerResponse{
		Hash: l.hash.HexString(), ProtocolVersion: n.protocol, Sequence: l.seq, LedgerCloseTime: l.closeTime,
		LedgerHeader: b64(encode(l.header)), LedgerMetadata: b64(encode(l.meta())),
	}, nil
}

func (n *Network) getLedgers(_ context.Context, q protocol.GetLedgersRequest) (protocol.GetLedgersResponse, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	seen := n.seen()
	oldest, latest := seen.oldest(), seen.latest()
	if err := q.Validate(maxLedgersPage, seen.span()); err != nil {
		return protocol.GetLedgersResponse{}, invalidRequest(err)
	}
	if err := checkFormat(q.Format); err != nil {
		return protocol.GetLedgersResponse{}, err
	}
	start, limit := q.StartLedger, uint(defaultLedgersPage)
	if p := q.Pagination; p != nil {
		if p.Cursor != "" {
			last, err := strconv.ParseUint(p.Cursor, 10, 32)
			if err != nil {
				return protocol.GetLedgersResponse{}, invalidParams("invalid cursor %q", p.Cursor)
			}
			if start = uint32(last) + 1; !protocol.IsLedgerWithinRange(start, seen.span()) {
				return protocol.GetLedgersResponse{}, invalidParams("cursor ('%s') must be between the oldest ledger: %d and the latest ledger: %d for this rpc instance",
					p.Cursor, oldest.seq, latest.seq)
			}
		}
		if p.Limit > 0 {
			limit = p.Limit
		}
	}
	res := protocol.GetLedgersResponse{
		Ledgers: []protocol.LedgerInfo{}, LatestLedger: latest.seq, LatestLedgerCloseTime: latest.closeTime,
		OldestLedger: oldest.seq, OldestLedgerCloseTime: oldest.closeTime,
	}
	for _, l := range seen.from(start) {
		if uint(len(res.Ledgers)) == limit {
			break
		}
		res.Ledgers = append(res.Ledgers, protocol.LedgerInfo{
			Hash: l.hash.HexString(), Sequence: l.seq, LedgerCloseTime: l.closeTime,
			LedgerHeader: b64(encode(l.headerEntry())), LedgerMetadata: b64(encode(l.meta())),
		})
		res.Cursor = strconv.FormatUint(uint64(l.seq), 10)
	}
	return res, nil
}

func (n *Network) getLedgerEntries(_ context.Context, q protocol.GetLedgerEntriesRequest) (protocol.GetLedgerEntriesResponse, error) {
	res := protocol.GetLedgerEntriesResponse{Entries: []protocol.LedgerEntryResult{}}
	if err := checkFormat(q.Format); err != nil {
		return res, err
	}
	if len(q.Keys) > maxLedgerKeys {
		return res, invalidParams("key count (%d) exceeds maximum supported (%d)", len(q.Keys), maxLedgerKeys)
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	seen := n.seen()
	res.LatestLedger = seen.latest().seq
	for i, k := range q.Keys {
		var key xdr.LedgerKey
		if err := xdr.SafeUnmarshalBase64(k, &key); err != nil {
			return res, invalidParams("cannot unmarshal key value %s at index %d", k, i)
		}
		if key.Type == xdr.LedgerEntryTypeTtl {
			return res, invalidParams("ledger ttl entries cannot be queried directly")
		}
		if e, ok := seen.view.lookup(string(encode(key))); ok {
			res.Entries = append(res.Entries, entryResult(k, e, res.LatestLedger))
		}
	}
	return res, nil
}

func entryResult(key string, e entry, seq uint32) protocol.LedgerEntryResult {
	full := decodeEntry(e.data)
	r := protocol.LedgerEntryResult{
		KeyXDR: key, DataXDR: b64(encode(full.Data)), LastModifiedLedger: e.modified, ExtensionXDR: b64(encode(full.Ext)),
	}
	if e.live != noTTL {
		live := uint32(e.live)
		if live < seq {
			live = 0 // archived
		}
		r.LiveUntilLedgerSeq = &live
	}
	return r
}

func parseHash(s string) (xdr.Hash, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(xdr.Hash{}) {
		return xdr.Hash{}, invalidParams("unexpected hash length (%d)", len(s))
	}
	return xdr.Hash(b), nil
}
