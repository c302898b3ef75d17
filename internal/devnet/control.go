package devnet

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"time"
)

// order is the body of a request to Control. Conditions that it does not name
// stay as they are.
type order struct {
	// Reset brings back the conditions of the start before the others are set.
	Reset bool `json:"reset"`
	conditionsJSON
	// Close and Advance come last, in this order.
	Close   uint32 `json:"close"`
	Advance uint32 `json:"advance"`
}

// conditionsJSON are Conditions as JSON.
type conditionsJSON struct {
	Interval         interval `json:"interval"`
	MinPersistentTTL uint32   `json:"minPersistentTTL"`
	MaxTTL           uint32   `json:"maxTTL"`
	FillBid          int64    `json:"fillBid"`
	Lag              uint32   `json:"lag"`
	LoseSends        uint32   `json:"loseSends"`
	RefuseSends      uint32   `json:"refuseSends"`
}

// interval is a duration such as "5s".
type interval time.Duration

func (i interval) MarshalText() ([]byte, error) { return []byte(time.Duration(i).String()), nil }

func (i *interval) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	*i = interval(d)
	return err
}

func (c Conditions) json() conditionsJSON {
	return conditionsJSON{interval(c.Interval), c.MinPersistentTTL, c.MaxTTL, c.FillBid, c.Lag, c.LoseSends, c.RefuseSends}
}

func (c conditionsJSON) conditions() Conditions {
	return Conditions{time.Duration(c.Interval), c.MinPersistentTTL, c.MaxTTL, c.FillBid, c.Lag, c.LoseSends, c.RefuseSends}
}

// maxClose bounds how many ledgers one request closes.
const maxClose = 10_000

// Control serves a test that runs in another process: GET tells the number of
// the ledger and the conditions, POST changes them. It must not be reachable by
// others: whoever reaches it commands the network. See README.md.
func (n *Network) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { n.tell(w) })
	mux.HandleFunc("POST /{$}", func(w http.ResponseWriter, r *http.Request) {
		// A page in a browser cannot send this type without asking first.
		if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != "application/json" {
			problem(w, http.StatusUnsupportedMediaType, "Unsupported Media Type", "content-type must be application/json")
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err == nil {
			err = n.obey(r.Context(), body)
		}
		if err != nil {
			problem(w, http.StatusBadRequest, "Bad Request", err.Error())
			return
		}
		n.tell(w)
	})
	return mux
}

func (n *Network) tell(w http.ResponseWriter) {
	answer(w, http.StatusOK, "application/json", struct {
		Ledger uint32 `json:"ledger"`
		conditionsJSON
	}{n.sequence(), n.Conditions().json()})
}

func (n *Network) obey(ctx context.Context, body []byte) error {
	var o order
	if err := decodeOrder(body, &o); err != nil {
		return err
	}
	if o.Close > maxClose {
		return fmt.Errorf("close %d ledgers: at most %d at a time; advance has no such limit", o.Close, maxClose)
	}
	err := n.Change(ctx, func(c *Conditions) {
		if o.Reset {
			*c = n.cfg.conditions()
		}
		o.conditionsJSON = c.json()
		_ = decodeOrder(body, &o) // over what holds; it was decoded before
		*c = o.conditions()
	})
	if err != nil {
		return err
	}
	for range o.Close {
		if err := n.CloseLedger(ctx); err != nil {
			return err
		}
	}
	return n.Advance(ctx, o.Advance)
}

func decodeOrder(body []byte, o *order) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(o); err != nil {
		return fmt.Errorf("decode the order: %w", err)
	}
	return nil
}

// ListenControl listens for Control, on an address of this machine only.
func ListenControl(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("address of the control endpoint: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("address of the control endpoint %q: must be a loopback address, such as 127.0.0.1:8001", address)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return listener, nil
}
