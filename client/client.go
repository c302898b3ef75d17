package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config says where the API is, and who calls.
type Config struct {
	// URL is where the API is, without a path of it: https://tenants.example.org
	URL string
	// Token is the bearer token of all requests. A token that ends comes from
	// TokenSource instead, which is asked before each of them.
	Token       string
	TokenSource func(ctx context.Context) (string, error)
	// HTTP sends the requests; a client with the transport of net/http when nil.
	// Its Timeout would end long polls and streams of events: see Timeout.
	HTTP *http.Client
	// Timeout bounds one attempt, and a long poll beside the time that it may
	// wait. Defaults to 10 s: the API answers within five.
	Timeout time.Duration
	// Patience is how long one call goes on trying, pauses included; a stream of
	// events, how long it goes on connecting. When it is over the last error is
	// returned. A pause that the API asks for, and that would be longer, is not
	// begun. Defaults to two minutes: longer than a restart or a failover takes.
	// Negative: everything is sent once.
	Patience time.Duration
}

func (c Config) withDefaults() Config {
	if c.HTTP == nil {
		c.HTTP = &http.Client{}
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Patience == 0 {
		c.Patience = 2 * time.Minute
	}
	if token := c.Token; c.TokenSource == nil {
		c.TokenSource = func(context.Context) (string, error) { return token, nil }
	}
	return c
}

func (c Config) validate() error {
	var errs []error
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		errs = append(errs, fmt.Errorf("client: URL must be like https://tenants.example.org, and is %q", c.URL))
	}
	if (c.Token == "") == (c.TokenSource == nil) {
		errs = append(errs, errors.New("client: give either Token or TokenSource"))
	}
	if c.Timeout < 0 {
		errs = append(errs, errors.New("client: Timeout must not be negative"))
	}
	return errors.Join(errs...)
}

// Client calls the API. Many goroutines may use it at the same time.
type Client struct {
	base     string
	token    func(context.Context) (string, error)
	http     *http.Client
	streams  *http.Client
	timeout  time.Duration
	patience time.Duration
	idle     time.Duration

	now    func() time.Time
	sleep  func(context.Context, time.Duration) error
	newKey func() string
}

// New makes a client. It connects with the first call.
func New(config Config) (*Client, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	config = config.withDefaults()
	streams := *config.HTTP
	streams.Timeout = 0 // a stream of events has no end
	return &Client{
		base: strings.TrimRight(config.URL, "/"), token: config.TokenSource, http: config.HTTP, streams: &streams,
		timeout: config.Timeout, patience: config.Patience, idle: idleTimeout,
		now: time.Now, sleep: sleep, newKey: newKey,
	}, nil
}

// sleep waits, or until ctx is done.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
