package answers

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tenant-provisioning/internal/observe"
	"tenant-provisioning/internal/tenant"
)

// Subject is what an answer is about: a tenant, an operation or, when both are empty,
// everything.
type Subject = tenant.EventFilter

// Question names an answer. Whoever may not see the same must not ask the same: Key
// has what the asker may see in it.
type Question struct {
	About Subject
	Key   string
}

// Entry is an answer that is kept.
type Entry struct {
	// Snapshot is the first transaction that may not be in it.
	Snapshot uint64
	Value    []byte
	// Floor is the latest change of the subject that any process has told of.
	Floor uint64
}

// Store keeps entries where all processes find them. *redis.Cache does. It answers
// soon, whatever happens to it.
type Store interface {
	// Get finds an entry; false when there is none, or it cannot be had.
	Get(ctx context.Context, database string, q Question) (Entry, bool)
	// Put keeps an entry for so long, unless a newer one is there, and its floor.
	Put(ctx context.Context, database string, q Question, e Entry, keep time.Duration)
	// Raise tells all processes of a change of subjects.
	Raise(ctx context.Context, database string, all []Subject, transaction uint64, keep time.Duration)
}

// Config is what a Cache works with.
type Config struct {
	Store Store
	// Standing asks the database where it stands with a subject.
	Standing func(ctx context.Context, s Subject) (tenant.Standing, error)
	// MaxAge is how old an answer may be at most. It is for changes that nobody has
	// told of: those that a person made with psql, mostly.
	MaxAge time.Duration
	// Patience bounds how long the database may take to say where it stands; while it
	// is slower answers are not kept. Zero: 1 s.
	Patience time.Duration
	// Registerer receives answer_cache_total.
	Registerer prometheus.Registerer
}

func (c Config) validate() error {
	if c.Store == nil || c.Standing == nil || c.Registerer == nil || c.MaxAge <= 0 {
		return errors.New("answers: the configuration lacks Store, Standing, Registerer or MaxAge")
	}
	return nil
}

// Cache keeps answers. It is used while Listening is true.
type Cache struct {
	config Config
	asked  *prometheus.CounterVec

	mu sync.Mutex
	// database is the one that is listened to; empty until it was asked once since.
	database  string
	listening bool
	// epoch counts connections: what was asked before one says nothing after it.
	epoch   int
	floors  floors
	flights map[Question]*flight

	// putting is what is being kept, after it was answered.
	putting sync.WaitGroup
}

// New makes a cache.
func New(c Config) (*Cache, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	c.Patience = cmp.Or(c.Patience, time.Second)
	asked, err := observe.NewAnswers(c.Registerer)
	if err != nil {
		return nil, err
	}
	return &Cache{config: c, flights: map[Question]*flight{}, floors: floors{every: 2 * c.MaxAge}, asked: asked}, nil
}

// Listening tells whether changes are heard. When it becomes true some may have been
// missed, and nothing that was read before counts.
func (c *Cache) Listening(now bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listening, c.database = now, ""
	c.floors.clear()
	c.epoch++
}

// Heard takes note of a change.
func (c *Cache) Heard(a tenant.Announcement) {
	if a.Tenant != "" {
		c.raise(a.Transaction, subjects(a.Tenant, a.Operation)...)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.floors.raiseAll(a.Transaction) // an incident, which shows with every operation
}

// subjects are what a change is about: lists show everything.
func subjects(id tenant.ID, operation tenant.OperationID) []Subject {
	all := []Subject{{}}
	if id != "" {
		all = append(all, Subject{Tenant: id})
	}
	if operation != "" {
		all = append(all, Subject{Operation: operation})
	}
	return all
}

// Told is called before somebody hears of the present state of a tenant or an
// operation otherwise than by Answer: whoever hears of it must not be answered an
// older one after that, by any process. It does what it can: where that fails, the
// change is heard of by itself.
func (c *Cache) Told(ctx context.Context, id tenant.ID, operation tenant.OperationID) {
	if c == nil {
		return
	}
	p, err := c.standing(ctx, Subject{})
	if err != nil {
		return
	}
	all := subjects(id, operation)
	c.raise(p.Changed, all...)
	c.config.Store.Raise(ctx, p.Database, all, p.Changed, c.config.MaxAge)
}

// raise notes a change of subjects.
func (c *Cache) raise(transaction uint64, all ...Subject) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range all {
		c.floors.raise(s, transaction)
	}
}

// standing asks the database where it stands. The first time since changes are heard
// it is all that is known: whatever has changed before may have been missed.
func (c *Cache) standing(ctx context.Context, about Subject) (tenant.Standing, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Patience)
	defer cancel()
	c.mu.Lock()
	epoch := c.epoch
	c.mu.Unlock()
	p, err := c.config.Standing(ctx, about)
	if err != nil {
		return p, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listening && c.database == "" && c.epoch == epoch {
		c.database = p.Database
		c.floors.raiseAll(p.Next - 1)
	}
	return p, nil
}
