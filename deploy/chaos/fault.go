package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// fault is what is wrong with the Stellar network during a round.
type fault string

const (
	ledgerWell   fault = "well"
	sendsLost    fault = "4 transactions lost"
	sendsRefused fault = "8 answers TRY_AGAIN_LATER"
	ledgerLags   fault = "a server 4 ledgers behind"
	ledgerFull   fault = "ledgers full of bids of 100,000"
)

// faults are drawn from, each as often as it is there.
var faults = []fault{ledgerWell, ledgerWell, sendsLost, sendsRefused, ledgerLags, ledgerFull}

// conditions are what the network's control endpoint is told: those of the start, and
// the fault.
var conditions = map[fault]string{
	ledgerWell:   `{"reset":true}`,
	sendsLost:    `{"reset":true,"loseSends":4}`,
	sendsRefused: `{"reset":true,"refuseSends":8}`,
	ledgerLags:   `{"reset":true,"lag":4}`,
	ledgerFull:   `{"reset":true,"fillBid":100000}`,
}

// bring has the network suffer from a fault, and from none that it had before. It waits
// for a network that was just killed, which comes back well.
func (c *chaos) bring(ctx context.Context, f fault) error {
	ctx, cancel := context.WithTimeout(ctx, reviveLimit)
	defer cancel()
	for {
		err := c.command(ctx, conditions[f])
		if err == nil {
			return nil
		}
		if over := sleep(ctx, time.Second); over != nil {
			return fmt.Errorf("bring about %q: %w", f, err)
		}
	}
}

func (c *chaos) command(ctx context.Context, body string) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.control, bytes.NewReader([]byte(body))) //nolint:gosec // the stack's own
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := c.http.Do(request) //nolint:gosec // the stack's own
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, said)
	}
	return err
}

// controlURL is where the stack's network is commanded.
func controlURL() (string, error) {
	url := os.Getenv("STELLAR_CONTROL_URL")
	if url == "" {
		return "", fmt.Errorf("the stack's network cannot be commanded, since it was started without LEDGER_CONTROL=1; run: make chaos")
	}
	return url, nil
}
