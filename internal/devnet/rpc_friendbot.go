package devnet

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/stellar/go-stellar-sdk/xdr"
)

const friendbotPath = "/friendbot"

// serveFriendbot funds the account in the query parameter addr and answers, in
// the next ledger, with the transaction as Horizon renders it.
func (n *Network) serveFriendbot(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, POST")
		problem(w, http.StatusMethodNotAllowed, "Method Not Allowed", "use GET or POST")
		return
	}
	to, err := xdr.AddressToAccountId(r.FormValue("addr"))
	if err != nil {
		problem(w, http.StatusBadRequest, "Bad Request", "addr must be a Stellar account address (G...)")
		return
	}
	o, err := n.friendbot.fund(r.Context(), to)
	switch {
	case errors.Is(err, errFunded):
		problem(w, http.StatusBadRequest, "Bad Request", err.Error())
		return
	case err != nil:
		problem(w, http.StatusServiceUnavailable, "Service Unavailable", err.Error())
		return
	}
	answer(w, http.StatusOK, "application/json", map[string]any{
		"successful": true, "hash": o.hash.HexString(), "ledger": o.ledger,
		"envelope_xdr": b64(o.envelope), "result_xdr": b64(o.result), "result_meta_xdr": b64(o.meta),
	})
}

func problem(w http.ResponseWriter, status int, title, detail string) {
	answer(w, status, "application/problem+json", map[string]any{"title": title, "status": status, "detail": detail})
}

func answer(w http.ResponseWriter, status int, contentType string, body any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller may be gone
}
