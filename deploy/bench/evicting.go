package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	goredis "github.com/redis/go-redis/v9"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/redis"
)

// Eviction is what a full Redis does by one policy (maxmemory-policy): the limiters of
// two apis count a client that asks for four times what it may, while more answers are
// kept than there is room for.
type Eviction struct {
	Policy string `json:"policy"`
	// Allowed is what was allowed, as a part of what one limit allows: 1 is a limit that
	// holds, 2 two apis of which each limits alone.
	Allowed Spread `json:"allowedOfLimit"`
	// Alone is the part of the requests that Redis did not count.
	Alone Spread `json:"countedByOneApiAlone"`
	// Kept is the part of the answers that Redis took.
	Kept Spread `json:"answersTaken"`
	// Refusal is how it refused the first that it did not.
	Refusal string `json:"firstRefusal,omitempty"`
	// Evicted is keys that it threw away, a second.
	Evicted Spread `json:"evictedPerSecond"`
}

// pressed is what one round has found of a policy.
type pressed struct {
	allowed, alone, kept, evicted float64
	refusal                       string
}

const (
	// room is how much more than it already uses Redis may have, in bytes: the buffers of
	// connections count too.
	room = 16 << 20
	// answerSize is that of an answer. It lives longer than it is measured, so that
	// Redis stays full, and longer than a count, as with CACHE_MAX_AGE.
	answerSize, answerAge = 8 << 10, time.Minute
	// keepers is how many keep answers at a time.
	keepers = 4
)

// theLimit is that of a client by default.
var theLimit = redis.Limit{Requests: 100, Window: time.Second, Burst: 100}

// measureEviction takes the policies in turns.
func measureEviction(ctx context.Context, o options) (report []Eviction, err error) {
	cfg, err := config.Load(config.Options{}, config.NeedRedis)
	if err != nil {
		return nil, err
	}
	server := goredis.NewClient(&goredis.Options{Addr: cfg.Redis.Addr(), Username: cfg.Redis.Username, Password: cfg.Redis.Password.Reveal()})
	defer func() { err = errors.Join(err, server.Close()) }()
	all, err := inTurns(ctx, o.api.rounds, o.evict, func(policy string, _ int) (pressed, error) {
		return press(ctx, server, policy, o.api.window)
	})
	if err != nil {
		return nil, err
	}
	for i, policy := range o.evict {
		report = append(report, Eviction{
			Policy:  policy,
			Allowed: over(all[i], func(p pressed) float64 { return p.allowed }),
			Alone:   over(all[i], func(p pressed) float64 { return p.alone }),
			Kept:    over(all[i], func(p pressed) float64 { return p.kept }),
			Evicted: over(all[i], func(p pressed) float64 { return p.evicted }),
			Refusal: firstRefusal(all[i]),
		})
	}
	return report, nil
}

func firstRefusal(all []pressed) string {
	for _, p := range all {
		if p.refusal != "" {
			return p.refusal
		}
	}
	return ""
}

// press fills Redis, and has it count meanwhile.
func press(ctx context.Context, server *goredis.Client, policy string, window time.Duration) (p pressed, err error) {
	if err := prepare(ctx, server, policy); err != nil {
		return p, err
	}
	before, err := info(ctx, server, "stats", "evicted_keys")
	if err != nil {
		return p, err
	}
	filling, stop := context.WithCancel(ctx)
	defer stop()
	var kept, asked atomic.Int64
	var refusal atomic.Pointer[string]
	var filled sync.WaitGroup
	for k := range keepers {
		filled.Go(func() {
			for i := 0; filling.Err() == nil; i++ {
				asked.Add(1)
				err := keep(filling, server, k, i)
				if err == nil {
					kept.Add(1)
				} else if filling.Err() == nil {
					said := err.Error()
					refusal.CompareAndSwap(nil, &said)
				}
			}
		})
	}
	p, err = ask(ctx, server.Options(), schedule{4 * theLimit.Requests, window})
	stop()
	filled.Wait()
	if err != nil {
		return p, err
	}
	after, err := info(ctx, server, "stats", "evicted_keys")
	if said := refusal.Load(); said != nil {
		p.refusal = *said
	}
	p.kept, p.evicted = float64(kept.Load())/float64(asked.Load()), (after-before)/window.Seconds()
	return p, err
}

// keep keeps one answer.
func keep(ctx context.Context, server goredis.Cmdable, keeper, i int) error {
	return server.Set(ctx, fmt.Sprintf("bench:answer:%d:%d", keeper, i), strings.Repeat("x", answerSize), answerAge).Err()
}

// prepare empties Redis, gives it little room beyond what it uses then, and fills that.
func prepare(ctx context.Context, server *goredis.Client, policy string) error {
	for _, command := range [][]any{{"CONFIG", "SET", "maxmemory", 0}, {"CONFIG", "SET", "maxmemory-policy", policy}, {"FLUSHALL"}} {
		if err := server.Do(ctx, command...).Err(); err != nil {
			return fmt.Errorf("%v: %w", command, err)
		}
	}
	used, err := info(ctx, server, "memory", "used_memory")
	if err != nil {
		return err
	}
	if err := server.ConfigSet(ctx, "maxmemory", strconv.Itoa(int(used)+room)).Err(); err != nil {
		return fmt.Errorf("set maxmemory: %w", err)
	}
	_, _ = server.Pipelined(ctx, func(pipe goredis.Pipeliner) error { // what does not fit is refused by some policies
		for i := range room / answerSize * 5 / 4 {
			_ = keep(ctx, pipe, keepers, i)
		}
		return nil
	})
	return ctx.Err()
}

// ask has two limiters in turns count one client.
func ask(ctx context.Context, server *goredis.Options, s schedule) (p pressed, err error) {
	var limiters [2]*redis.Limiter
	for i := range limiters {
		limiters[i], err = redis.NewLimiter(redis.Config{
			Addr: server.Addr, Username: server.Username, Password: server.Password,
			// Long, so that a busy machine is not taken for a Redis that refuses.
			Timeout: 2 * time.Second, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
		})
		if err != nil {
			return p, err
		}
		defer func() { err = errors.Join(err, limiters[i].Close()) }()
	}
	var allowed, alone atomic.Int64
	got, err := s.arrive(ctx, func(ctx context.Context, i int) error {
		d := limiters[i%2].Allow(ctx, redis.Check{Key: "bench:client", Limit: theLimit})
		if d.Allowed {
			allowed.Add(1)
		}
		if d.Unchecked {
			alone.Add(1)
		}
		return nil
	})
	most := float64(theLimit.Burst) + float64(theLimit.Requests)*got.elapsed.Seconds()
	return pressed{allowed: float64(allowed.Load()) / most, alone: float64(alone.Load()) / float64(s.count())}, err
}

// info reads a number that Redis tells about itself.
func info(ctx context.Context, server *goredis.Client, section, name string) (float64, error) {
	text, err := server.Info(ctx, section).Result()
	if err != nil {
		return 0, fmt.Errorf("INFO %s: %w", section, err)
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("INFO %s says nothing of %s", section, name)
}
