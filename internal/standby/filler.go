package standby

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"tenant-provisioning/internal/tenant"
)

const (
	// DefaultPoll is how often a worker looks at the stock: short against the time that
	// it takes to make a standby.
	DefaultPoll = 5 * time.Second
	// idlePoll is how often it looks whether what is there is to be purged, where none is
	// wanted.
	idlePoll = time.Minute
	// DefaultGrace is how long after the start of a worker standbys of another template
	// than its own are kept: a new version starts before its template is migrated to.
	DefaultGrace = time.Hour
	// roundTimeout bounds a round, and endTimeout the end of its turn. What a round leaves
	// undone is the next one's.
	roundTimeout = 10 * time.Second
	endTimeout   = 5 * time.Second
	// turn is how long a worker keeps others from the stock: longer than its round, so that
	// no two fill it, and no longer than it must, since nobody fills it after a worker was
	// killed in its turn.
	turn = roundTimeout + endTimeout + 5*time.Second
	// purgedAtOnce bounds how many a round purges.
	purgedAtOnce = 20
)

// Store is the stock.
type Store interface {
	// TakeTurn writes down what is wanted, and gives the filling to one worker for so long
	// at most.
	TakeTurn(ctx context.Context, p tenant.StandbyPolicy, turn time.Duration) (bool, error)
	EndTurn(ctx context.Context, pause time.Duration) error
	Standing(ctx context.Context) (tenant.StandbyStock, error)
}

// Service accepts what is to be done.
type Service interface {
	// Prepare accepts n standbys.
	Prepare(ctx context.Context, n int, who tenant.Caller) error
	// PurgeStandbys accepts the purge of standbys; one that was taken meanwhile is none.
	PurgeStandbys(ctx context.Context, ids []tenant.ID, reason string, who tenant.Caller) error
}

// Config is what a Filler works with.
type Config struct {
	Store   Store
	Service Service
	// Policy says how many are wanted, and what a tenant is made with.
	Policy tenant.StandbyPolicy
	// Poll and Grace may be zero, for the defaults.
	Poll, Grace time.Duration
	Logger      *slog.Logger
}

// Filler fills the stock. Every worker has one; they take turns.
type Filler struct {
	config Config
	began  time.Time
}

// New makes a filler.
func New(c Config) *Filler {
	if c.Poll <= 0 {
		if c.Poll = DefaultPoll; c.Policy.Wanted == 0 {
			c.Poll = idlePoll
		}
	}
	if c.Grace <= 0 {
		c.Grace = DefaultGrace
	}
	return &Filler{config: c, began: time.Now()}
}

// Run fills until ctx ends. The database need not be there.
func (f *Filler) Run(ctx context.Context) {
	ticker := time.NewTicker(f.config.Poll)
	defer ticker.Stop()
	for {
		if err := f.round(ctx); err != nil && ctx.Err() == nil {
			f.config.Logger.WarnContext(ctx, "the stock of standbys is not looked after; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (f *Filler) round(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	mine, err := f.config.Store.TakeTurn(ctx, f.config.Policy, turn)
	if err != nil || !mine {
		return err
	}
	begun, err := f.fill(ctx)
	ending, stop := context.WithTimeout(context.WithoutCancel(ctx), endTimeout) // also when this worker stops
	defer stop()
	return errors.Join(err, f.config.Store.EndTurn(ending, f.pause(begun)))
}

// fill begins what is missing and purges what is of no use, and tells how many it began.
func (f *Filler) fill(ctx context.Context) (int, error) {
	s, err := f.config.Store.Standing(ctx)
	if err != nil {
		return 0, err
	}
	migrates := time.Since(f.began) < f.config.Grace
	filler := tenant.Caller{Client: tenant.StandbyActor, Actor: tenant.StandbyActor}
	if of := s.Purgeable(migrates); len(of) > 0 {
		err := f.config.Service.PurgeStandbys(ctx, of[:min(len(of), purgedAtOnce)], "no standby of its kind is wanted", filler)
		if err != nil {
			return 0, err
		}
	}
	n := s.Missing(f.atOnce(), migrates)
	if n == 0 {
		return 0, nil
	}
	f.config.Logger.InfoContext(ctx, "the stock of standbys is filled", "wanted", s.Wanted, "ready", len(s.Ready), "preparing", s.Preparing, "begun", n)
	return n, f.config.Service.Prepare(ctx, n, filler)
}

// atOnce is how many a round begins at most: what the pace allows in the time between two.
func (f *Filler) atOnce() int {
	return max(1, int(f.config.Poll*time.Duration(f.config.Policy.PerMinute)/time.Minute))
}

// pause is how long nobody begins any, by the pace, less what passes until a worker looks
// again.
func (f *Filler) pause(begun int) time.Duration {
	if begun == 0 || f.config.Policy.PerMinute == 0 {
		return 0
	}
	return max(0, time.Duration(begun)*time.Minute/time.Duration(f.config.Policy.PerMinute)-f.config.Poll/2)
}
