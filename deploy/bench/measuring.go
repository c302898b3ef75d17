package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
)

// point is one rate, one way.
type point struct {
	rate  int
	cache bool
}

// measuring collects samples: one each round of each point.
type measuring struct {
	apiOptions

	bin     string
	idle    cpu
	all     []known
	samples map[point][]sample
}

// turn measures all rates, one way.
func (m *measuring) turn(ctx context.Context, round int, cache bool) error {
	c, stop, err := product{bin: m.bin, settings: []string{fmt.Sprintf("CACHE_ENABLED=%t", cache)}}.start(ctx, 1, []string{"api"})
	if err != nil {
		return err
	}
	defer stop()
	for _, rate := range m.rates {
		fmt.Fprintf(os.Stderr, "bench: round %d, CACHE_ENABLED=%t, %d/s\n", round+1, cache, rate)
		before, s := schedule{rate, lead}, schedule{rate, m.window}
		if cache {
			before.window = cacheLead
		}
		seed := uint64(round)
		if _, err := c.load(ctx, before, mix(m.all, before.count(), seed)); err != nil {
			return err
		}
		got, err := c.load(ctx, s, mix(m.all, s.count(), seed+1000))
		if err != nil {
			return err
		}
		at := point{rate, cache}
		m.samples[at] = append(m.samples[at], got)
	}
	return nil
}

// creations measures how tenants are accepted.
func (m *measuring) creations(ctx context.Context) (Load, error) {
	c, stop, err := product{bin: m.bin}.start(ctx, 1, []string{"api"})
	if err != nil {
		return Load{}, err
	}
	defer stop()
	fmt.Fprintf(os.Stderr, "bench: tenants are created, %d/s\n", postRate)
	var got sample
	for _, label := range []string{"lead", "post"} {
		s := schedule{postRate, m.window}
		requests := make([]asking, s.count())
		for i := range requests {
			requests[i] = asking{http.MethodPost, "/v1/tenants", fmt.Sprintf(
				`{"name":"Benchmark clinic %s.%d","adminEmail":"admin.%d@clinic.example","adminFirstName":"Ada","adminLastName":"Lovelace"}`, label, i, i)}
		}
		if got, err = c.load(ctx, s, requests); err != nil {
			return Load{}, err
		}
	}
	return summary([]sample{got}, m.idle), nil
}

// load sends requests on a schedule, and counts what they use.
func (c *caller) load(ctx context.Context, s schedule, requests []asking) (got sample, err error) {
	send, stop := c.sender()
	defer stop()
	asked, err := c.asked(ctx)
	if err != nil {
		return got, err
	}
	before, err := readCPU()
	if err != nil {
		return got, err
	}
	got, err = s.arrive(ctx, func(ctx context.Context, i int) error { return send(ctx, requests[i]) })
	if err != nil {
		return got, err
	}
	after, err := readCPU()
	if err != nil {
		return got, err
	}
	got.requests, got.used = requests, cpu{}
	for name := range after {
		got.used[name] = after[name] - before[name]
	}
	if got.asked, err = c.asked(ctx); err != nil {
		return got, err
	}
	for from := range got.asked {
		got.asked[from] -= asked[from]
	}
	return got, nil
}

var askedLine = regexp.MustCompile(`(?m)^answer_cache_total\{from="(\w+)"\} (\S+)$`)

// asked reads what the api's cache has counted; nothing when there is none.
func (c *caller) asked(ctx context.Context) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("read the api's metrics: %w", err)
	}
	text, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, fmt.Errorf("read the api's metrics: %w", err)
	}
	all := map[string]float64{}
	for _, m := range askedLine.FindAllSubmatch(text, -1) {
		if all[string(m[1])], err = strconv.ParseFloat(string(m[2]), 64); err != nil {
			return nil, fmt.Errorf("read the api's metrics: %w", err)
		}
	}
	return all, nil
}
