package rpc

import (
	"context"
	"errors"
	"fmt"
	"time"

	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/xdr"

	"tenant-provisioning/internal/tenant"
)

// Read fetches ledger entries by their keys, nil for one that does not exist,
// as of a ledger that is not older than floor. Servers lag behind each other
// and behind what they said of a transaction.
//
// An archived entry is not absent: it exists, and is restored by the next
// transaction that touches it.
func (c *Client) Read(ctx context.Context, floor uint32, progress func(string), keys ...xdr.LedgerKey) ([]*xdr.LedgerEntryData, uint32, error) {
	found, ledger, err := c.entries(ctx, floor, progress, keys)
	if err != nil {
		return nil, 0, err
	}
	out := make([]*xdr.LedgerEntryData, len(keys))
	for i, e := range found {
		if e == nil {
			continue
		}
		if out[i], err = parseEntry(*e); err != nil {
			return nil, 0, Garbled(protocol.GetLedgerEntriesMethodName, fmt.Errorf("decode a ledger entry: %w", err))
		}
	}
	return out, ledger, nil
}

// Life is until when an entry lives.
type Life struct {
	// Absent was never there; Archived is there, and must be restored.
	Absent, Archived bool
	// Until is the last ledger in which it lives; zero unless it does.
	Until uint32
	// Code is that of a contract's instance; nil for other entries.
	Code *xdr.Hash
}

// Left is how many ledgers an entry still lives after one.
func (l Life) Left(ledger uint32) int64 { return max(0, int64(l.Until)-int64(ledger)) }

// Lives asks until when entries live, in the manner of Read.
func (c *Client) Lives(ctx context.Context, floor uint32, progress func(string), keys ...xdr.LedgerKey) ([]Life, uint32, error) {
	found, ledger, err := c.entries(ctx, floor, progress, keys)
	if err != nil {
		return nil, 0, err
	}
	lives := make([]Life, len(keys))
	for i, e := range found {
		switch {
		case e == nil:
			lives[i].Absent = true
			continue
		case e.LiveUntilLedgerSeq == nil:
			return nil, 0, Garbled(protocol.GetLedgerEntriesMethodName, errors.New("an entry has no time to live"))
		case *e.LiveUntilLedgerSeq < ledger: // servers say 0
			lives[i].Archived = true
		default:
			lives[i].Until = *e.LiveUntilLedgerSeq
		}
		data, err := parseEntry(*e)
		if err != nil {
			return nil, 0, Garbled(protocol.GetLedgerEntriesMethodName, fmt.Errorf("decode a ledger entry: %w", err))
		}
		if contract, ok := data.GetContractData(); ok {
			if instance, ok := contract.Val.GetInstance(); ok {
				lives[i].Code = instance.Executable.WasmHash
			}
		}
	}
	return lives, ledger, nil
}

// keysAtATime is how many entries a server gives in one answer.
const keysAtATime = 200

// entries fetches what a server says of entries, nil for one that does not exist, as of
// the oldest ledger of its answers. Without keys nobody is asked, and the ledger is 0: a
// server refuses such a question.
func (c *Client) entries(ctx context.Context, floor uint32, progress func(string), keys []xdr.LedgerKey) (found []*protocol.LedgerEntryResult, ledger uint32, err error) {
	found = make([]*protocol.LedgerEntryResult, len(keys))
	for at := 0; at < len(keys); at += keysAtATime {
		some := keys[at:min(at+keysAtATime, len(keys))]
		encoded, places := make([]string, len(some)), map[string][]int{}
		for i, k := range some {
			if encoded[i], err = xdr.MarshalBase64(k); err != nil {
				return nil, 0, fmt.Errorf("encode a ledger key: %w", err)
			}
			places[encoded[i]] = append(places[encoded[i]], at+i)
		}
		var resp protocol.GetLedgerEntriesResponse
		err = c.until(ctx, floor, progress, func() (uint32, error) {
			var err error
			resp, err = Call[protocol.GetLedgerEntriesResponse](ctx, c, protocol.GetLedgerEntriesMethodName, protocol.GetLedgerEntriesRequest{Keys: encoded})
			return resp.LatestLedger, err
		})
		if err != nil {
			return nil, 0, err
		}
		for _, e := range resp.Entries {
			for _, i := range places[e.KeyXDR] {
				found[i] = &e
			}
		}
		if ledger == 0 || resp.LatestLedger < ledger {
			ledger = resp.LatestLedger
		}
	}
	return found, ledger, nil
}

// parseEntry also checks that the entry is of its key's type: whoever asked
// for an account takes one out of it.
func parseEntry(e protocol.LedgerEntryResult) (*xdr.LedgerEntryData, error) {
	var key xdr.LedgerKey
	if err := xdr.SafeUnmarshalBase64(e.KeyXDR, &key); err != nil {
		return nil, err
	}
	out := &xdr.LedgerEntryData{}
	if err := xdr.SafeUnmarshalBase64(e.DataXDR, out); err != nil {
		return nil, err
	}
	if out.Type != key.Type {
		return nil, fmt.Errorf("a %s stands under the key of a %s", out.Type, key.Type)
	}
	return out, nil
}

// until repeats ask until it answers as of a ledger that is not older than
// floor. It gives up after Patience.
func (c *Client) until(ctx context.Context, floor uint32, progress func(string), ask func() (uint32, error)) error {
	p := c.NewPace()
	for deadline := c.cfg.Clock().Add(Patience); ; {
		ledger, err := ask()
		if err != nil || ledger >= floor {
			return err
		}
		if c.cfg.Clock().After(deadline) {
			return &tenant.StepError{
				Step: tenant.StepDeployContract,
				Reason: fmt.Sprintf("the Stellar RPC server is at ledger %d and does not reach %d, which it or another one has announced; "+
					"it may be behind the network: set SOROBAN_RPC_URL to one that is not", ledger, floor),
			}
		}
		progress(fmt.Sprintf("waiting for the server to reach ledger %d", floor))
		if err := p.Wait(ctx); err != nil {
			return err
		}
	}
}

// Account reads an account, nil for one that does not exist, and tells as of
// which ledger.
func (c *Client) Account(ctx context.Context, address string, progress func(string)) (*xdr.AccountEntry, uint32, error) {
	key, err := AccountKey(address)
	if err != nil {
		return nil, 0, err
	}
	entries, ledger, err := c.Read(ctx, 0, progress, key)
	if err != nil || entries[0] == nil {
		return nil, ledger, err
	}
	account := entries[0].MustAccount()
	return &account, ledger, nil
}

// AccountKey is the key of an account's entry.
func AccountKey(address string) (xdr.LedgerKey, error) {
	id, err := xdr.AddressToAccountId(address)
	if err != nil {
		return xdr.LedgerKey{}, fmt.Errorf("read the address of an account: %w", err)
	}
	return xdr.LedgerKey{Type: xdr.LedgerEntryTypeAccount, Account: &xdr.LedgerKeyAccount{AccountId: id}}, nil
}

// Patience is for how long one call puts up with a server that does not answer
// or does not catch up, before its caller gets to see that.
const Patience = 30 * time.Second

// Pace spaces the questions of one wait: soon at first, then ever later.
type Pace struct {
	next, longest time.Duration
}

// NewPace begins a wait.
func (c *Client) NewPace() *Pace {
	return &Pace{next: max(c.cfg.PollInterval/16, time.Millisecond), longest: c.cfg.PollInterval}
}

// Wait pauses, unless the context ends.
func (p *Pace) Wait(ctx context.Context) error {
	t := time.NewTimer(p.next)
	defer t.Stop()
	p.next = min(p.next*3/2, p.longest)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
