package main

import (
	"context"
	"time"

	"tenant-provisioning/api/rest"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/redis"
)

// pace is the one limit that every client of the API has.
type pace struct {
	limiter *redis.Limiter
	limit   redis.Limit
}

func newPace(limiter *redis.Limiter, c config.RateLimit) pace {
	return pace{limiter: limiter, limit: redis.Limit{Requests: c.Requests, Window: c.Window, Burst: c.Burst}}
}

// Allow counts one request of a client.
func (p pace) Allow(ctx context.Context, client string) rest.Allowance {
	d := p.limiter.Allow(ctx, redis.Check{Key: "api:" + client, Limit: p.limit})
	used := p.limit.Burst - d.Remaining
	return rest.Allowance{
		Allowed: d.Allowed, Limit: p.limit.Burst, Remaining: d.Remaining, RetryAfter: d.RetryAfter,
		ResetAfter: time.Duration(used) * p.limit.Window / time.Duration(p.limit.Requests),
	}
}
