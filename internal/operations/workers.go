package operations

import (
	"context"
	"fmt"
	"time"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows/runner"
)

// Workers tells how it stands with the workers of the service's namespace and
// task queue; of any, where these are not set.
func (s *Service) Workers(ctx context.Context) (tenant.Workforce, error) {
	state, err := s.config.Workers.State(ctx)
	if err != nil {
		return tenant.Workforce{}, err
	}
	place := tenant.WorkerPlace{Namespace: s.config.Namespace, TaskQueue: s.config.TaskQueue}
	if place.TaskQueue != "" {
		queues := runner.QueuesOf(place.TaskQueue)
		place.Queues = []string{queues.Main, queues.Stellar, queues.Email}
	}
	return state.Judge(place), nil
}

const (
	// workerPatience is how long whoever has asked workers for something waits for
	// the next sign of one: several beats, on a busy machine too.
	workerPatience = 30 * time.Second
	// workerPoll is how often a sign is looked for.
	workerPoll = 2 * time.Second
)

// someoneWorks refuses to wait for workers that are known to take no work.
func (s *Service) someoneWorks(ctx context.Context) error {
	w, err := s.Workers(ctx)
	if err != nil {
		return err
	}
	return nobodyOf(w)
}

// nobodyOf is the refusal where workers are known to take no work. Ones that
// stand still may well take it.
func nobodyOf(w tenant.Workforce) error {
	if w.Trouble == "" || w.Trouble == tenant.WorkersStandStill {
		return nil
	}
	return fmt.Errorf("%w: %s", tenant.ErrNoWorker, w.Says)
}

// untilSilent returns when no worker has been heard of for as long as it is waited
// for, and why; nil when ctx ends before.
func (s *Service) untilSilent(ctx context.Context) error {
	poll := time.NewTicker(workerPoll)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-poll.C:
		}
		w, err := s.Workers(ctx)
		if err != nil {
			continue // the round may come to an end all the same
		}
		if nobody := nobodyOf(w); nobody != nil {
			return nobody
		}
		if w.Silence >= workerPatience {
			return fmt.Errorf("%w: no worker has been heard of for %s", tenant.ErrNoWorker, w.Silence.Round(time.Second))
		}
	}
}
