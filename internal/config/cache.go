package config

import "time"

// Cache keeps the api's answers in Redis.
type Cache struct {
	Enabled bool // CACHE_ENABLED, true
	// MaxAge is how old an answer may be at most (CACHE_MAX_AGE, 10s). What the
	// product changes is seen at once; this is for what a person changes with psql.
	MaxAge time.Duration
}

func (r *reader) cache() Cache {
	return Cache{
		Enabled: read(r, setting{name: "CACHE_ENABLED", def: "true"}, boolean),
		MaxAge:  read(r, setting{name: "CACHE_MAX_AGE", def: "10s"}, duration(time.Second, 5*time.Minute)),
	}
}
