package observe

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
)

// RedisServer is what Redis tells of itself.
type RedisServer struct {
	Clients int64
	// UsedMemory and MaxMemory are in bytes; the latter is 0 where there is no bound.
	UsedMemory, MaxMemory int64
	// Commands are those since its start.
	Commands int64
}

var (
	redisClients   = desc("redis_connected_clients", "Connections to Redis, of whatever client. In a cluster: to all its primaries.")
	redisMemory    = desc("redis_used_memory_bytes", "Memory that Redis has in use, in bytes. In a cluster: all its primaries.")
	redisMaxMemory = desc("redis_memory_max_bytes", "The most memory that Redis may use, in bytes; 0: no bound is set.")
	redisCommands  = desc("redis_commands_processed_total", "Commands that Redis has processed since its start. In a cluster: all its primaries.")
)

type redisCollector struct {
	*reading[RedisServer]
}

// Redis shows the Redis of limits and cache, as it was asked within the last seconds.
// Every api shows the same.
func Redis(ask func(context.Context) (RedisServer, error), log *slog.Logger) prometheus.Collector {
	return redisCollector{read("Redis", kept, ask, log, []*prometheus.Desc{redisClients, redisMemory, redisMaxMemory, redisCommands},
		func(r RedisServer, gauge func(*prometheus.Desc, float64, ...string)) {
			gauge(redisClients, float64(r.Clients))
			if r.UsedMemory > 0 { // what stands in for a Redis may not tell
				gauge(redisMemory, float64(r.UsedMemory))
				gauge(redisMaxMemory, float64(r.MaxMemory))
			}
		})}
}

// Collect implements prometheus.Collector.
func (c redisCollector) Collect(metrics chan<- prometheus.Metric) {
	c.reading.Collect(metrics)
	if r, err := c.shared.Get(context.Background()); err == nil { // it is kept
		metrics <- prometheus.MustNewConstMetric(redisCommands, prometheus.CounterValue, float64(r.Commands))
	}
}
