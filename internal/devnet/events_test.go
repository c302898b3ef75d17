package devnet_test

import (
	"testing"

	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"

	tenantcontract "tenant-provisioning/contracts/tenant"
)

func TestEvents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := b.account()
	b.upload(admin)
	clinic, practice := b.deploy(admin, "clinic"), b.deploy(admin, "practice")
	start := b.latest().Sequence + 1
	for _, s := range []tenantcontract.Status{tenantcontract.Suspended, tenantcontract.Active, tenantcontract.Suspended} {
		b.invoke(admin, call(clinic, tenantcontract.SetStatus, statusVal(s)))
		b.invoke(admin, call(practice, tenantcontract.SetStatus, statusVal(s)))
	}
	anchor := b.invoke(admin, call(clinic, tenantcontract.AnchorRoot, bytesVal(make([]byte, 32)), u64Val(1), u64Val(2)))
	get := func(q protocol.GetEventsRequest) protocol.GetEventsResponse {
		r, err := b.rpc.GetEvents(t.Context(), q)
		require.NoError(t, err)
		return r
	}

	require.Len(t, get(protocol.GetEventsRequest{StartLedger: start}).Events, 7)
	mine := protocol.EventFilter{EventType: protocol.EventTypeSet{protocol.EventTypeContract: nil}, ContractIDs: []string{strkeyOf(clinic)}}
	require.Len(t, get(protocol.GetEventsRequest{StartLedger: start, Filters: []protocol.EventFilter{mine}}).Events, 4)

	name := xdr.ScVal{Type: xdr.ScValTypeScvSymbol, Sym: ptr(xdr.ScSymbol(tenantcontract.EventAnchored))}
	rest := protocol.WildCardZeroOrMore
	anchored := protocol.EventFilter{Topics: []protocol.TopicFilter{{{ScVal: &name}, {Wildcard: &rest}}}}
	found := get(protocol.GetEventsRequest{StartLedger: start, Filters: []protocol.EventFilter{anchored}}).Events
	require.Len(t, found, 1)
	require.Equal(t, anchor.TransactionHash, found[0].TransactionHash)
	require.Equal(t, strkeyOf(clinic), found[0].ContractID)
	require.Equal(t, int32(anchor.Ledger), found[0].Ledger)
	require.Len(t, anchor.Events.ContractEventsXDR, 1)
	require.Len(t, anchor.Events.ContractEventsXDR[0], 1, "getTransaction has it, too")

	// Page by page the same events, each once.
	var ids []string
	q := protocol.GetEventsRequest{StartLedger: start, Pagination: &protocol.PaginationOptions{Limit: 3}}
	for {
		page := get(q)
		for _, e := range page.Events {
			ids = append(ids, e.ID)
		}
		if len(page.Events) < 3 {
			break
		}
		cursor, err := protocol.ParseCursor(page.Cursor)
		require.NoError(t, err)
		q = protocol.GetEventsRequest{Pagination: &protocol.PaginationOptions{Limit: 3, Cursor: &cursor}}
	}
	var all []string
	for _, e := range get(protocol.GetEventsRequest{StartLedger: start}).Events {
		all = append(all, e.ID)
	}
	require.Equal(t, all, ids)

	// The cursor at the end waits for what comes.
	end := get(protocol.GetEventsRequest{StartLedger: start})
	b.invoke(admin, call(clinic, tenantcontract.SetStatus, statusVal(tenantcontract.Active)))
	cursor, err := protocol.ParseCursor(end.Cursor)
	require.NoError(t, err)
	require.Len(t, get(protocol.GetEventsRequest{Pagination: &protocol.PaginationOptions{Cursor: &cursor}}).Events, 1)
}
