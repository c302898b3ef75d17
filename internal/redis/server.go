package redis

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	goredis "github.com/redis/go-redis/v9"

	"tenant-provisioning/internal/observe"
)

// Server tells what Redis tells of itself, which a user needs +info for. It is not
// asked while it does not count, and what it answers here decides nothing.
func (l *Limiter) Server(ctx context.Context) (observe.RedisServer, error) {
	l.shared.mu.Lock()
	client, away := l.shared.client, l.shared.failure
	l.shared.mu.Unlock()
	if away != nil {
		return observe.RedisServer{}, away
	}
	var mu sync.Mutex
	var sum observe.RedisServer
	ask := func(ctx context.Context, one *goredis.Client) error {
		info, err := one.Info(ctx).Result()
		if err != nil {
			return fmt.Errorf("ask Redis for INFO: %w", err)
		}
		mu.Lock()
		defer mu.Unlock()
		add(&sum, info)
		return nil
	}
	switch c := client.(type) {
	case *goredis.ClusterClient:
		return sum, c.ForEachMaster(ctx, ask)
	case *goredis.Client:
		return sum, ask(ctx, c)
	}
	return sum, fmt.Errorf("ask Redis for INFO: %T is no client of a server or a cluster", client)
}

// add adds what a server has answered.
func add(sum *observe.RedisServer, info string) {
	fields := map[string]*int64{
		"connected_clients": &sum.Clients, "used_memory": &sum.UsedMemory, "maxmemory": &sum.MaxMemory, "total_commands_processed": &sum.Commands,
	}
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if field := fields[name]; field != nil {
			n, _ := strconv.ParseInt(value, 10, 64) // what is no number counts nothing
			*field += n
		}
	}
}
