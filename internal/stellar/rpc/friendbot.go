package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// AskFriendbot asks the friendbot of a network with play money to fund an
// account.
func (c *Client) AskFriendbot(ctx context.Context, friendbot, address string) error {
	u, err := url.Parse(friendbot)
	if err != nil {
		return errors.New("the URL of friendbot is none")
	}
	q := u.Query()
	q.Set("addr", address)
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return fmt.Errorf("ask friendbot: %w", withoutURL(err))
	}
	resp, err := c.cfg.HTTP.Do(req)
	if err != nil {
		return fmt.Errorf("ask friendbot: %w", withoutURL(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // the status alone would do
		return fmt.Errorf("ask friendbot: HTTP %d: %s", resp.StatusCode, c.words(said))
	}
	return nil
}
