package redis

import (
	"context"
	_ "embed" // the script
	"errors"
	"fmt"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"tenant-provisioning/internal/observe"
)

//go:embed gcra.lua
var gcra string

// probePatience is how many times longer a probe may take than a request would
// wait: it is to tell a server that is away from a process that is overloaded.
const probePatience = 10

// shared is the count that all processes share. It is trusted until a question
// fails; from then on a probe of its own, and no request, finds out when it
// counts again.
type shared struct {
	config Config
	script *goredis.Script
	// slots are as many as questions may be asked at a time: what waits for a
	// connection must not look like a server that does not answer.
	slots chan struct{}
	seen  *observe.RateLimit

	mu     sync.Mutex
	client goredis.UniversalClient
	// cluster says that the server is part of one.
	cluster bool
	// failure is why it does not count now; nil: it does.
	failure *failure

	probing sync.WaitGroup
	closing context.Context //nolint:containedctx // it ends with Close; no request's life hangs on it
	close   context.CancelFunc
}

func newShared(config Config, seen *observe.RateLimit) *shared {
	s := &shared{
		config: config, script: goredis.NewScript(gcra), slots: make(chan struct{}, maxQuestions), seen: seen,
		client: config.dial(false),
	}
	s.closing, s.close = context.WithCancel(context.Background())
	return s
}

// answer is what Redis says to a question.
type answer struct {
	Decision
	// ahead is how far the arrival time of each key is ahead of now.
	ahead []time.Duration
}

// errAlone says that Redis was not asked.
var errAlone = errors.New("the shared count is not asked now")

// take counts a request against every check. Any error means that it was not
// counted, or that nobody knows.
func (s *shared) take(ctx context.Context, checks []Check) (told answer, err error) {
	err = s.do(ctx, s.config.Timeout, func(ctx context.Context, client goredis.UniversalClient) (err error) {
		told, err = s.ask(ctx, client, checks)
		return err
	})
	return told, err
}

// do puts a question to Redis, if it is asked now and there is room within a time, and
// waits so long for an answer. A failure has Redis left alone until a probe is answered.
func (s *shared) do(ctx context.Context, within time.Duration, question func(context.Context, goredis.UniversalClient) error) error {
	s.mu.Lock()
	client, away := s.client, s.failure != nil
	s.mu.Unlock()
	if away {
		return errAlone
	}
	waiting, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-waiting.Done():
		return errAlone
	}
	asking, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err := question(asking, client)
	// A caller that went away says nothing about Redis; nor does a client that was
	// exchanged meanwhile.
	if err != nil && ctx.Err() == nil && !errors.Is(err, goredis.ErrClosed) {
		s.failed(classify(err))
	}
	return err
}

// ask runs the script on a client.
func (s *shared) ask(ctx context.Context, client goredis.UniversalClient, checks []Check) (answer, error) {
	keys := make([]string, len(checks))
	args := make([]any, 1, 1+2*len(checks))
	args[0] = int64(0)
	if s.config.Now != nil {
		args[0] = s.config.Now().UnixMicro()
	}
	for i, check := range checks {
		keys[i] = s.config.Prefix + "limit:" + check.Key
		args = append(args, check.Limit.interval(), check.Limit.Burst)
	}
	numbers, err := s.script.Run(ctx, client, keys, args...).Int64Slice()
	if err != nil {
		return answer{}, fmt.Errorf("run the rate limit script: %w", err)
	}
	if len(numbers) != 3+len(checks) {
		return answer{}, errors.New("run the rate limit script: unexpected answer")
	}
	a := answer{
		Decision: Decision{
			Allowed:    numbers[0] == 1,
			Remaining:  int(numbers[1]),
			RetryAfter: time.Duration(numbers[2]) * time.Microsecond,
		},
		ahead: make([]time.Duration, len(checks)),
	}
	for i := range checks {
		a.ahead[i] = time.Duration(numbers[3+i]) * time.Microsecond
	}
	return a, nil
}

// probe asks what a request asks, and always writes: a PING would be answered by
// a replica, by a full server, and by one that refuses the script.
func (s *shared) probe(ctx context.Context, client goredis.UniversalClient) error {
	_, err := s.ask(ctx, client, []Check{{Key: "probe", Limit: Limit{Requests: 1_000_000, Window: time.Second, Burst: 1_000_000}}})
	return err
}

// ping says whether Redis counts, and why not.
func (s *shared) ping(ctx context.Context) error {
	s.mu.Lock()
	client, failure := s.client, s.failure
	s.mu.Unlock()
	// A timeout is believed only when a probe has had one too.
	if failure != nil && !failure.timeout {
		return failure
	}
	err := s.probe(ctx, client)
	if err == nil || errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	failure = classify(err)
	s.failed(failure)
	return failure
}

func (s *shared) end() error {
	s.mu.Lock()
	s.close() // from here on no probe begins
	s.mu.Unlock()
	s.probing.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.client.Close()
}
