package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// caught counts the mails that the catcher has, by the id of their row, which
// travels with them.
func (c *chaos) caught(ctx context.Context) (map[string]int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.mails+"/messages", nil) //nolint:gosec // MAIL_CATCHER_URL is the stack's
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req) //nolint:gosec // MAIL_CATCHER_URL is the stack's
	if err != nil {
		return nil, fmt.Errorf("ask the mail catcher: %w", err)
	}
	defer resp.Body.Close()
	var messages []struct {
		CustomArgs struct {
			ID string `json:"tenant_provisioning_message_id"`
		} `json:"customArgs"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&messages); err != nil {
		return nil, fmt.Errorf("read the mail catcher's answer: %w", err)
	}
	count := map[string]int{}
	for _, m := range messages {
		count[m.CustomArgs.ID]++
	}
	return count, nil
}
