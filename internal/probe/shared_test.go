package probe_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/probe"
)

// TestManyAskAtTheCostOfOne: those who come while it is asked, and those who
// come within a second of the answer.
func TestManyAskAtTheCostOfOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		s := probe.Share(time.Minute, func(context.Context) (int64, error) {
			<-time.After(100 * time.Millisecond)
			return asked.Add(1), nil
		})
		everybody := func(want int64) {
			var all sync.WaitGroup
			for range 1000 {
				all.Go(func() {
					got, err := s.Get(t.Context())
					require.NoError(t, err)
					require.Equal(t, want, got)
				})
			}
			all.Wait()
		}
		everybody(1)
		<-time.After(time.Second - time.Nanosecond)
		everybody(1)
		<-time.After(time.Nanosecond)
		everybody(2)
	})
}

// TestAnErrorIsSharedToo, and no longer than an answer.
func TestAnErrorIsSharedToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("away")
		asked := 0
		s := probe.Share(time.Minute, func(context.Context) (struct{}, error) {
			asked++
			if asked == 1 {
				return struct{}{}, away
			}
			return struct{}{}, nil
		})
		for range 10 {
			_, err := s.Get(t.Context())
			require.ErrorIs(t, err, away)
		}
		<-time.After(time.Second)
		_, err := s.Get(t.Context())
		require.NoError(t, err)
		require.Equal(t, 2, asked)
	})
}

// TestACallerThatGoesAwayTakesNobodysAnswer, and a system that hangs is given up
// in time.
func TestACallerThatGoesAwayTakesNobodysAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := probe.Share(time.Second, func(ctx context.Context) (string, error) {
			<-ctx.Done()
			return "given up", nil
		})
		gone, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			_, err := s.Get(gone)
			require.ErrorIs(t, err, context.Canceled)
		})
		synctest.Wait()
		cancel()
		synctest.Wait()
		began := time.Now()
		got, err := s.Get(t.Context())
		require.NoError(t, err)
		require.Equal(t, "given up", got)
		require.Equal(t, time.Second, time.Since(began))
		all.Wait()
	})
}

// TestForgottenIsAskedAnew, also while it is being asked: that answer is of
// before.
func TestForgottenIsAskedAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		s := probe.Share(time.Minute, func(context.Context) (int64, error) {
			n := asked.Add(1)
			<-time.After(100 * time.Millisecond)
			return n, nil
		})
		get := func(want int64) {
			got, err := s.Get(t.Context())
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		get(1)
		s.Forget()
		get(2)
		s.Forget()
		var all sync.WaitGroup
		all.Go(func() { get(3) })
		synctest.Wait()
		s.Forget()
		get(4)
		all.Wait()
		get(4)
	})
}
