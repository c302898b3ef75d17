package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// checkLimit is less than the time that a container's health check has.
const checkLimit = 3 * time.Second

// check asks both servers of this machine.
func check(ctx context.Context, o options) error {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	return errors.Join(
		ask(ctx, "the Stellar network", http.MethodPost, o.stellar, `{"jsonrpc":"2.0","id":1,"method":"getHealth"}`),
		ask(ctx, "the mail catcher", http.MethodGet, o.mail, ""),
	)
}

func ask(ctx context.Context, what, method, listens, body string) error {
	_, port, err := net.SplitHostPort(listens)
	if err != nil {
		return fmt.Errorf("the address of %s: %w", what, err)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+net.JoinHostPort("127.0.0.1", port)+"/", strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask %s: %w", what, err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask %s: %w", what, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", what, response.Status)
	}
	return nil
}
