package role

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"

	"tenant-provisioning/deploy/devstack/internal/port"
)

// Redis is miniredis: what the product needs of Redis, in memory, for machines
// that have no Redis server.
type Redis struct {
	Port int
}

// expiryTick is how often miniredis is told that time has passed; its keys
// expire at no other moment.
const expiryTick = 100 * time.Millisecond

// Name implements [Role].
func (r *Redis) Name() string { return "redis" }

// Bind implements [Role].
func (r *Redis) Bind(flags *flag.FlagSet) {
	flags.IntVar(&r.Port, "port", r.Port, "port (0: a free one)")
}

// Secrets implements [Role].
func (r *Redis) Secrets() []string { return nil }

// ReadSecrets implements [Role].
func (r *Redis) ReadSecrets(func(string) string) {}

// Start implements [Role].
func (r *Redis) Start(context.Context) (Component, error) {
	if err := pickPort(&r.Port, 1); err != nil {
		return nil, err
	}
	server := miniredis.NewMiniRedis()
	if err := server.StartAddr(port.Address(r.Port)); err != nil {
		return nil, fmt.Errorf("start miniredis: %w", err)
	}
	done := make(chan struct{})
	go expire(server, done)
	return running{stop: func(context.Context) error {
		close(done)
		server.Close()
		return nil
	}}, nil
}

// Addresses implements [Role].
func (r *Redis) Addresses() map[string]string {
	return map[string]string{"REDIS_HOST": port.Host, "REDIS_PORT": fmt.Sprint(r.Port)}
}

func expire(server *miniredis.Miniredis, done <-chan struct{}) {
	tick := time.NewTicker(expiryTick)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-done:
			return
		case now := <-tick.C:
			server.FastForward(now.Sub(last))
			last = now
		}
	}
}
