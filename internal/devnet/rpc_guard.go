package devnet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"github.com/creachadair/jrpc2"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
)

const (
	// maxBody bounds a request, as Stellar RPC does.
	maxBody = 512 << 10
	// maxBatch bounds the calls of one request: each may be a simulation.
	maxBatch = 100
)

// guard refuses what must not reach the JSON-RPC server, and lets browsers in as
// Stellar RPC does.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		if r.Method == http.MethodOptions {
			w.Header().Set("Access-Control-Allow-Methods", "POST")
			w.Header().Set("Access-Control-Allow-Headers", "*")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", "POST, OPTIONS")
			http.Error(w, "use POST", http.StatusMethodNotAllowed)
			return
		}
		if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != "application/json" {
			http.Error(w, "content-type must be application/json", http.StatusUnsupportedMediaType)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		var tooLarge *http.MaxBytesError
		switch {
		case errors.As(err, &tooLarge):
			http.Error(w, fmt.Sprintf("request body larger than %d bytes", maxBody), http.StatusRequestEntityTooLarge)
			return
		case err != nil:
			http.Error(w, "cannot read the request body", http.StatusBadRequest)
			return
		}
		if e := checkBody(body); e != nil {
			refuse(w, e)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

func checkBody(body []byte) *jrpc2.Error {
	if !json.Valid(body) {
		return &jrpc2.Error{Code: jrpc2.ParseError, Message: "parse error"}
	}
	if body = bytes.TrimSpace(body); body[0] != '[' {
		return nil
	}
	var batch []json.RawMessage
	if err := json.Unmarshal(body, &batch); err != nil || len(batch) == 0 {
		return &jrpc2.Error{Code: jrpc2.InvalidRequest, Message: "empty request batch"}
	}
	if len(batch) > maxBatch {
		return &jrpc2.Error{Code: jrpc2.InvalidRequest, Message: fmt.Sprintf("more than %d calls in a batch", maxBatch)}
	}
	return nil
}

func refuse(w http.ResponseWriter, e *jrpc2.Error) {
	w.Header().Set("Content-Type", "application/json")
	answer := struct {
		Version string       `json:"jsonrpc"`
		ID      any          `json:"id"`
		Error   *jrpc2.Error `json:"error"`
	}{"2.0", nil, e}
	_ = json.NewEncoder(w).Encode(answer) // the caller may be gone
}

// networkParams are what getNetwork is told of the request that it came with.
type networkParams struct {
	FriendbotURL string `json:"friendbotUrl"`
}

// parse reads the calls of a request that guard has let through. getNetwork
// names the friendbot at the address under which the caller has found us.
func parse(r *http.Request) ([]*jrpc2.ParsedRequest, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	calls, err := jrpc2.ParseRequests(body)
	if err != nil {
		return nil, err
	}
	for _, c := range calls {
		if c.Method == protocol.GetNetworkMethodName {
			if c.Params, err = json.Marshal(networkParams{"http://" + r.Host + friendbotPath}); err != nil {
				return nil, err
			}
		}
	}
	return calls, nil
}
