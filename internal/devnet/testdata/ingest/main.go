// Command ingest reads a network's ledgers with the official package ingest, as
// an indexer does, and prints what it saw. It is a module of its own because
// that package brings clients of two clouds.
package main

import (
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/stellar/go-stellar-sdk/ingest"
	"github.com/stellar/go-stellar-sdk/ingest/ledgerbackend"
	"github.com/stellar/go-stellar-sdk/xdr"
)

type transaction struct {
	Ledger    uint32
	Hash      string
	OK        bool
	Charged   int64
	Inclusion int64 // per operation where it is classic
	Refund    int64
	Events    int
}

type report struct {
	Transactions []transaction
	// Balances of all accounts after the last ledger, from nothing but changes.
	Balances map[string]int64
}

func main() {
	if err := run(context.Background(), os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "ingest:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, url, passphrase, last string) error {
	to, err := strconv.ParseUint(last, 10, 32)
	if err != nil {
		return err
	}
	backend := ledgerbackend.NewRPCLedgerBackend(ledgerbackend.RPCLedgerBackendOptions{RPCServerURL: url})
	defer backend.Close()
	if err := backend.PrepareRange(ctx, ledgerbackend.BoundedRange(2, uint32(to))); err != nil {
		return err
	}
	r := report{Balances: map[string]int64{}}
	for seq := uint32(2); seq <= uint32(to); seq++ {
		ledger, err := backend.GetLedger(ctx, seq)
		if err != nil {
			return err
		}
		for _, step := range []func(*report, string, xdr.LedgerCloseMeta) error{checkHashes, readTransactions, readChanges} {
			if err := step(&r, passphrase, ledger); err != nil {
				return fmt.Errorf("ledger %d: %w", seq, err)
			}
		}
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

func checkHashes(_ *report, _ string, ledger xdr.LedgerCloseMeta) error {
	entry := ledger.LedgerHeaderHistoryEntry()
	for _, c := range []struct {
		what string
		of   encoding.BinaryMarshaler
		want xdr.Hash
	}{{"header", entry.Header, entry.Hash}, {"transaction set", ledger.MustV2().TxSet, entry.Header.ScpValue.TxSetHash}} {
		b, err := c.of.MarshalBinary()
		if err != nil {
			return err
		}
		if sha256.Sum256(b) != c.want {
			return fmt.Errorf("the hash of the %s is another", c.what)
		}
	}
	return nil
}

func readTransactions(r *report, passphrase string, ledger xdr.LedgerCloseMeta) error {
	reader, err := ingest.NewLedgerTransactionReaderFromLedgerCloseMeta(passphrase, ledger)
	if err != nil {
		return err
	}
	for {
		tx, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		t := transaction{Ledger: ledger.LedgerSequence(), Hash: tx.Hash.HexString(), OK: tx.Result.Successful(), Refund: tx.SorobanResourceFeeRefund()}
		t.Charged, _ = tx.FeeCharged()
		t.Inclusion, _ = tx.InclusionFeeCharged()
		events, err := tx.GetTransactionEvents()
		if err != nil {
			return err
		}
		for _, op := range events.OperationEvents {
			t.Events += len(op)
		}
		r.Transactions = append(r.Transactions, t)
	}
}

func readChanges(r *report, passphrase string, ledger xdr.LedgerCloseMeta) error {
	reader, err := ingest.NewLedgerChangeReaderFromLedgerCloseMeta(passphrase, ledger)
	if err != nil {
		return err
	}
	for {
		change, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if change.Type == xdr.LedgerEntryTypeAccount && change.Post != nil {
			a := change.Post.Data.MustAccount()
			r.Balances[a.AccountId.Address()] = int64(a.Balance)
		}
	}
}
