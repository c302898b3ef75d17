package devnet

import (
	"encoding"
	"encoding/base64"
	"fmt"
	"net/http"

	"github.com/creachadair/jrpc2"
	"github.com/creachadair/jrpc2/handler"
	"github.com/creachadair/jrpc2/jhttp"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
)

// concurrency bounds the calls that run at a time. Simulations need a processor
// each, and 2.4 MiB.
const concurrency = 16

// newHandler serves JSON-RPC with the library that Stellar RPC uses, so that
// errors, batches and notifications look the same. The returned function stops it.
func (n *Network) newHandler() (http.Handler, func() error) {
	bridge := jhttp.NewBridge(handler.Map{
		protocol.GetHealthMethodName:           handler.New(n.getHealth),
		protocol.GetNetworkMethodName:          handler.New(n.getNetwork),
		protocol.GetVersionInfoMethodName:      handler.New(n.getVersionInfo),
		protocol.GetLatestLedgerMethodName:     handler.New(n.getLatestLedger),
		protocol.GetLedgersMethodName:          handler.New(n.getLedgers),
		protocol.GetLedgerEntriesMethodName:    handler.New(n.getLedgerEntries),
		protocol.GetFeeStatsMethodName:         handler.New(n.getFeeStats),
		protocol.GetEventsMethodName:           handler.New(n.getEvents),
		protocol.GetTransactionMethodName:      handler.New(n.getTransaction),
		protocol.GetTransactionsMethodName:     handler.New(n.getTransactions),
		protocol.SendTransactionMethodName:     handler.New(n.sendTransaction),
		protocol.SimulateTransactionMethodName: handler.New(n.simulateTransaction),
	}, &jhttp.BridgeOptions{Server: &jrpc2.ServerOptions{Concurrency: concurrency}, ParseRequest: parse})
	mux := http.NewServeMux()
	mux.Handle(friendbotPath, http.HandlerFunc(n.serveFriendbot))
	mux.Handle("/", guard(bridge))
	return mux, bridge.Close
}

// invalidParams is the error for what a caller sent.
func invalidParams(format string, args ...any) error {
	return &jrpc2.Error{Code: jrpc2.InvalidParams, Message: fmt.Sprintf(format, args...)}
}

// invalidRequest is the error for ledgers that this server does not have, which
// Stellar RPC tells apart.
func invalidRequest(err error) error {
	return &jrpc2.Error{Code: jrpc2.InvalidRequest, Message: err.Error()}
}

// checkFormat refuses the JSON rendering of XDR, which needs code that exists in
// Rust only.
func checkFormat(format string) error {
	if err := protocol.IsValidFormat(format); err != nil {
		return invalidParams("%v", err)
	}
	if format == protocol.FormatJSON {
		return invalidParams("xdrFormat json is not supported by the local network")
	}
	return nil
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func b64s(list [][]byte) []string {
	out := make([]string, 0, len(list))
	for _, b := range list {
		out = append(out, b64(b))
	}
	return out
}

func encodeAll[T encoding.BinaryMarshaler](values []T) []string {
	out := make([]string, 0, len(values))
	for _, v := range values {
		out = append(out, b64(encode(v)))
	}
	return out
}
