package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Redis tells facts about the server that counts requests and keeps answers.
type Redis interface {
	// Counts asks what a request asks, and fails where that is not answered.
	Counts(ctx context.Context) (RedisServer, error)
	Memory(ctx context.Context) (RedisMemory, error)
	Role(ctx context.Context) (RedisRole, error)
	// Rights fails where the user may not do what the product does.
	Rights(ctx context.Context) (RedisRights, error)
}

// RedisServer is which server answers.
type RedisServer struct {
	// Version is empty where this user is not told.
	Version string
	Latency time.Duration
	Cluster bool
}

// RedisMemory is how much it may keep.
type RedisMemory struct {
	// Hidden tells that this user is not told.
	Hidden bool
	// Most is maxmemory, 0 for no bound.
	Most, Used int64
	Policy     string
}

// RedisRole is what the server is among others.
type RedisRole struct {
	Hidden bool
	// Replica tells that it follows another.
	Replica bool
}

// RedisRights is what our user may do.
type RedisRights struct {
	User string
	// Password tells that it has to prove who it is.
	Password bool
	// Everything tells that it may do what only an administrator should.
	Everything bool
	// SameMachine tells that the server is on this machine.
	SameMachine bool
}

const redisAway = "check REDIS_HOST, REDIS_PORT, REDIS_USERNAME, REDIS_PASSWORD and REDIS_TLS: docs/runbooks/redis-away.md. Until then each api limits by itself, and keeps no answers"

// ExamineRedis lists the checks.
func ExamineRedis(r Redis, production bool) Subject {
	return Subject{Name: "redis", Server: Check{"server", func(ctx context.Context) Verdict {
		s, err := r.Counts(ctx)
		if err != nil {
			return unasked("Redis cannot be used", err, redisAway)
		}
		return s.judge()
	}}, Checks: []Check{
		{"role", func(ctx context.Context) Verdict { return judgeRedis(ctx, r.Role, RedisRole.judge) }},
		{"memory", func(ctx context.Context) Verdict { return judgeRedis(ctx, r.Memory, RedisMemory.judge) }},
		{"policy", func(ctx context.Context) Verdict { return judgeRedis(ctx, r.Memory, RedisMemory.judgePolicy) }},
		{"rights", func(ctx context.Context) Verdict {
			return judgeRedis(ctx, r.Rights, func(rights RedisRights) Verdict { return rights.judge(production) })
		}},
	}}
}

func judgeRedis[T any](ctx context.Context, ask func(context.Context) (T, error), of func(T) Verdict) Verdict {
	facts, err := ask(ctx)
	if err != nil {
		return unasked("Redis cannot be asked", err, redisAway)
	}
	return of(facts)
}

func (s RedisServer) judge() Verdict {
	version := "Redis"
	if s.Version != "" {
		version += " " + s.Version
	}
	if s.Cluster {
		version += ", a cluster,"
	}
	return fine("%s counts requests and keeps answers, in %s", version, brief(s.Latency))
}

const notTold = "this user is not told, and need not be: redis-cli INFO, as an administrator, tells more"

func (r RedisRole) judge() Verdict {
	switch {
	case r.Hidden:
		return fine("whether it is a replica %s", notTold)
	case r.Replica:
		return fail("it is a replica, which refuses what the limits write", "set REDIS_HOST to the primary")
	}
	return fine("it is a primary")
}

func (m RedisMemory) judge() Verdict {
	switch {
	case m.Hidden:
		return fine("how much it may keep %s", notTold)
	case m.Most == 0:
		return warn("it has no bound (maxmemory 0) and uses "+size(m.Used)+": under a flood it takes what the machine has", "set maxmemory, such as 256mb, with maxmemory-policy allkeys-lru")
	case m.Used > m.Most/100*95 && !m.evicts():
		return fail(fmt.Sprintf("it is full: %s of %s", size(m.Used), size(m.Most)), "raise maxmemory, or set maxmemory-policy allkeys-lru: docs/runbooks/redis-away.md")
	}
	return fine("it uses %s of %s", size(m.Used), size(m.Most))
}

// evicts tells policies by which it makes room: all that the product keeps has an
// end, so that the volatile ones do too.
func (m RedisMemory) evicts() bool { return m.Policy != "noeviction" }

func (m RedisMemory) judgePolicy() Verdict {
	switch {
	case m.Hidden:
		return fine("its policy %s", notTold)
	case !m.evicts():
		return warn("maxmemory-policy is noeviction: when it is full it refuses to count, and each api limits by itself", "CONFIG SET maxmemory-policy allkeys-lru, and the same in its file: all that is kept may be lost")
	}
	return fine("maxmemory-policy is %s", m.Policy)
}

func (r RedisRights) judge(production bool) Verdict {
	var wrong []Verdict
	if !r.Password && !r.SameMachine {
		wrong = append(wrong, warn("it asks for no password, and is on another machine: whoever reaches it can lift the limits", "give the user a password (ACL SETUSER, requirepass), and set REDIS_PASSWORD"))
	}
	if r.Everything && production {
		wrong = append(wrong, warn("the user "+r.User+" may do everything, and needs little",
			"ACL SETUSER … on >PASSWORD ~tenant-provisioning:* +evalsha +eval +get +set +time (in a cluster also +cluster|slots), and set REDIS_USERNAME"))
	}
	found := []string{"the user " + r.User + " may do what the product does"}
	if r.Everything {
		found = append(found, "and everything else (a warning with NODE_ENV=production)")
	}
	return all(fine("%s", strings.Join(found, ", ")), wrong...)
}
