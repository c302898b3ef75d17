package token

import "time"

// Paced has the provider's keys fetched at another pace.
func (c Config) Paced(fetch, refresh, again time.Duration) Config {
	c.pace = pace{fetch: fetch, refresh: refresh, again: again}
	return c
}
