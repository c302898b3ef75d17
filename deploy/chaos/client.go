package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/google/uuid"
)

// acceptLimit bounds how long a client repeats a request: longer than anything
// that was killed takes to come back.
const acceptLimit = 2 * time.Minute

// create does what a client does whose requests fail for a while: it repeats
// them with the same key.
func (c *chaos) create(ctx context.Context, name string) error {
	key := uuid.NewString()
	body, err := json.Marshal(map[string]string{
		"name": name, "adminEmail": "ada." + key[:8] + "@hospital.example", "adminFirstName": "Ada", "adminLastName": "Lovelace",
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, acceptLimit)
	defer cancel()
	for {
		status, err := c.post(ctx, body, key)
		switch {
		case status == http.StatusAccepted:
			return nil
		case err == nil && status < http.StatusInternalServerError:
			return fmt.Errorf("create %q: status %d", name, status)
		}
		if over := sleep(ctx, poll); over != nil {
			return fmt.Errorf("create %q: no answer within %s, last: status %d, %w", name, acceptLimit, status, err)
		}
	}
}

func (c *chaos) post(ctx context.Context, body []byte, key string) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/v1/tenants", bytes.NewReader(body)) //nolint:gosec // APP_URL is the stack's
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	resp, err := c.http.Do(req) //nolint:gosec // APP_URL is the stack's
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// settle waits until every operation has ended or is parked.
func (c *chaos) settle(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	fmt.Fprintln(os.Stderr, "chaos: waiting until every operation has ended or is parked")
	for {
		var open int
		err := c.pool.QueryRow(ctx, `SELECT count(*) FROM operations WHERE state IN ('PENDING', 'RUNNING', 'ROLLING_BACK')`).Scan(&open)
		if err == nil && open == 0 && c.answers(ctx) {
			return nil
		}
		if over := sleep(ctx, poll); over != nil {
			if err != nil {
				return fmt.Errorf("the database does not answer within %s: %w", limit, err)
			}
			return fmt.Errorf("%d operations have neither ended nor parked within %s, or the mail server or the ledger does not answer; starter list shows them", open, limit)
		}
	}
}

// answers tells whether what is looked at last is back.
func (c *chaos) answers(ctx context.Context) bool {
	_, mails := c.caught(ctx)
	_, ledger := c.contractsMade(ctx)
	return mails == nil && ledger == nil
}
