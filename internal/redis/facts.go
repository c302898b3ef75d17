package redis

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"tenant-provisioning/internal/doctor"
)

// Facts tells about the server, for who judges whether it fits. It connects anew
// for each question, so that none waits for another.
type Facts struct{ config Config }

var _ doctor.Redis = Facts{}

// NewFacts needs no more of a configuration than what it takes to connect.
func NewFacts(config Config) Facts { return Facts{config.withDefaults()} }

// Counts asks what a request asks.
func (f Facts) Counts(ctx context.Context) (doctor.RedisServer, error) {
	var s doctor.RedisServer
	err := f.ask(ctx, func(client goredis.UniversalClient, cluster bool) error {
		began := time.Now()
		if err := f.shared().probe(ctx, client); err != nil {
			return err
		}
		s.Latency, s.Cluster = time.Since(began), cluster
		about, err := info(ctx, client, "server")
		s.Version = about["redis_version"]
		if v := about["valkey_version"]; v != "" {
			s.Version = v + " (Valkey)"
		}
		return err
	})
	return s, err
}

// Memory asks how much it may keep.
func (f Facts) Memory(ctx context.Context) (doctor.RedisMemory, error) {
	var m doctor.RedisMemory
	err := f.ask(ctx, func(client goredis.UniversalClient, _ bool) error {
		about, err := info(ctx, client, "memory")
		if err != nil {
			return err
		}
		if m.Hidden = about["maxmemory_policy"] == ""; m.Hidden {
			return nil
		}
		m.Policy = about["maxmemory_policy"]
		for name, into := range map[string]*int64{"maxmemory": &m.Most, "used_memory": &m.Used} {
			if *into, err = strconv.ParseInt(about[name], 10, 64); err != nil {
				return fmt.Errorf("read its %s: %w", name, err)
			}
		}
		return nil
	})
	return m, err
}

// Role asks whether it is a replica.
func (f Facts) Role(ctx context.Context) (doctor.RedisRole, error) {
	var r doctor.RedisRole
	err := f.ask(ctx, func(client goredis.UniversalClient, _ bool) error {
		about, err := info(ctx, client, "replication")
		r.Hidden, r.Replica = about["role"] == "", about["role"] == "slave"
		return err
	})
	return r, err
}

// Rights asks who we are, and whether a command is let through that only an
// administrator should have: one that only reads what is there.
func (f Facts) Rights(ctx context.Context) (doctor.RedisRights, error) {
	r := doctor.RedisRights{User: "default", Password: f.config.Password != "", SameMachine: onThisMachine(f.config.Addr)}
	if f.config.Username != "" {
		r.User = f.config.Username
	}
	err := f.ask(ctx, func(client goredis.UniversalClient, _ bool) error {
		err := client.Do(ctx, "CONFIG", "GET", "maxmemory").Err()
		r.Everything = err == nil
		if refusal(err) {
			return nil
		}
		return err
	})
	return r, err
}

// ask makes a client of the sort of server that is there, and closes it.
func (f Facts) ask(ctx context.Context, question func(client goredis.UniversalClient, cluster bool) error) error {
	err := f.askOf(false, question)
	if err == nil {
		return nil
	}
	told := classify(err)
	if told.reason == clustered {
		if err = f.askOf(true, question); err == nil {
			return nil
		}
		told = classify(err)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ctx.Err(), told)
	}
	return told
}

func (f Facts) askOf(cluster bool, question func(goredis.UniversalClient, bool) error) error {
	client := f.config.dial(cluster)
	defer client.Close() //nolint:errcheck // it was answered, or not
	return question(client, cluster)
}

func (f Facts) shared() *shared { return &shared{config: f.config, script: goredis.NewScript(gcra)} }

// info reads a section of INFO; nothing where the user may not.
func info(ctx context.Context, client goredis.UniversalClient, section string) (map[string]string, error) {
	text, err := client.Info(ctx, section).Result()
	if refusal(err) {
		return map[string]string{}, nil
	}
	if err != nil {
		return nil, err
	}
	about := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			about[name] = value
		}
	}
	return about, nil
}

// refusal tells an answer of a server that knows and does not say, from none.
func refusal(err error) bool {
	if err == nil {
		return false
	}
	why := classify(err).reason
	return why == permissions || why == unsuitable
}

func onThisMachine(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}
