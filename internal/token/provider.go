package token

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// maxKeySet bounds the answer of an identity provider, in bytes: a key has less
// than 4 KiB, with its certificates.
const maxKeySet = 1 << 20

// pace is how the keys of an identity provider are kept fresh.
type pace struct {
	// fetch is how long one fetch may take.
	fetch time.Duration
	// refresh lies between two fetches that nobody asks for.
	refresh time.Duration
	// again lies between a failed fetch and the next, and between two looks for
	// a key that is not known: made-up ones must cost the provider nothing, and a
	// new key, or a provider that is back, must soon be found.
	again time.Duration
}

var usualPace = pace{fetch: 3 * time.Second, refresh: time.Hour, again: 10 * time.Second}

// provider has the keys of an identity provider. An answer without a key is
// never taken for the wish that there be none: the last good keys stay until
// there are others, however long the provider is away. A key is withdrawn by an
// answer that has other ones.
type provider struct {
	url    string
	client *http.Client
	pace   pace
	log    *slog.Logger

	keys    atomic.Pointer[keySet] // never nil
	looks   *rate.Limiter
	mu      sync.Mutex
	running chan struct{} // closed at the end of the fetch under way; nil without one
	failed  bool          // the last fetch has
}

// newProvider fetches the keys, goes on without them where that fails, and keeps
// them fresh until ctx ends.
func newProvider(ctx context.Context, c Config) *provider {
	p := cmp.Or(c.pace, usualPace)
	made := &provider{
		url: c.JWKSURL, client: &http.Client{Timeout: p.fetch, Transport: c.Transport}, pace: p, log: c.Logger,
		looks: rate.NewLimiter(rate.Every(p.again), 1),
	}
	made.keys.Store(&keySet{})
	made.refresh(ctx)
	go made.keepFresh(ctx)
	return made
}

// known are the keys as they are now.
func (p *provider) known() *keySet { return p.keys.Load() }

func (p *provider) keepFresh(ctx context.Context) {
	for {
		p.mu.Lock()
		wait := p.pace.refresh
		if p.failed {
			wait = p.pace.again
		}
		p.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		p.mu.Lock()
		done := p.start(ctx)
		p.mu.Unlock()
		<-done
	}
}

// look has the keys fetched for a token that those seen do not fit, unless that
// was done a moment ago. All that ask meanwhile wait for the same fetch. It
// gives the keys as they are then and tells whether they are others.
func (p *provider) look(ctx context.Context, seen *keySet) (*keySet, bool) {
	select {
	case <-p.begin(ctx, seen):
	case <-ctx.Done():
	}
	now := p.known()
	return now, now != seen
}

// begin gives what is closed when there is nothing more to wait for.
func (p *provider) begin(ctx context.Context, seen *keySet) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running == nil && (p.known() != seen || !p.looks.Allow()) {
		return closed
	}
	// The fetch goes on when the request that wanted it is given up.
	return p.start(context.WithoutCancel(ctx))
}

var closed = func() <-chan struct{} { c := make(chan struct{}); close(c); return c }()

// start begins a fetch, or joins the one under way, with mu held. What it returns
// is closed at its end.
func (p *provider) start(ctx context.Context) <-chan struct{} {
	if p.running != nil {
		return p.running
	}
	done := make(chan struct{})
	p.running = done
	go func() {
		p.refresh(ctx)
		p.mu.Lock()
		p.running = nil
		p.mu.Unlock()
		close(done)
	}()
	return done
}

// refresh replaces the keys by those that are published now, if there are any.
func (p *provider) refresh(ctx context.Context) {
	keys, skipped, err := p.fetch(ctx)
	p.mu.Lock()
	before := p.failed
	p.failed = err != nil
	p.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		p.log.WarnContext(ctx, "the identity provider's keys could not be fetched; check JWT_JWKS_URL",
			"url", p.url, "error", err, "skipped", skipped, "keysKept", len(*p.known()))
		return
	case skipped != nil:
		p.log.WarnContext(ctx, "the identity provider publishes keys that cannot be read; its others are used", "url", p.url, "skipped", skipped)
	}
	p.keys.Store(&keys)
	if before {
		p.log.InfoContext(ctx, "the identity provider's keys can be fetched again", "url", p.url, "keys", len(keys))
	}
}

func (p *provider) fetch(ctx context.Context) (keys keySet, skipped, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return nil, nil, err
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := p.client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("the answer is %s", res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxKeySet+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("read the answer: %w", err)
	case len(body) > maxKeySet:
		return nil, nil, fmt.Errorf("the answer is larger than %d bytes", maxKeySet)
	}
	return parseKeys(body)
}
