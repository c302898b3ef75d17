package redis

import (
	"context"
	"time"
)

// failed has this process limit alone until a probe is answered.
func (s *shared) failed(f *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen.Failures.WithLabelValues(string(f.reason)).Inc()
	if s.failure != nil || s.closing.Err() != nil {
		return
	}
	s.failure = f
	s.seen.Shared.Set(0)
	s.probing.Go(func() { s.heal(f) })
}

// heal probes until Redis counts: at once, then after each cooldown. What every
// server goes through now and then, and this process when it is overloaded, is
// over before anybody reads of it.
func (s *shared) heal(f *failure) {
	var said reason
	for {
		err := s.reconnect(f)
		if err == nil {
			if said != "" {
				s.config.Logger.Info("rate limits are shared again: Redis counts", "addr", s.config.Addr)
			}
			return
		}
		if s.closing.Err() != nil {
			return
		}
		f = classify(err)
		f.timeout = false // it had all the time it needs
		s.mu.Lock()
		s.failure = f
		s.mu.Unlock()
		s.seen.Failures.WithLabelValues(string(f.reason)).Inc()
		if said != f.reason {
			said = f.reason
			s.config.Logger.Warn("rate limits are not shared: each api limits by what it has seen itself",
				"addr", s.config.Addr, "redis", f.Public(), "again_in", s.config.Cooldown, "error", f.Error())
		}
		select {
		case <-s.closing.Done():
			return
		case <-time.After(s.config.Cooldown):
		}
	}
}

// reconnect probes once, and trusts Redis again when it counts. After a mere
// timeout the connections there are will do. Anything else is about the server
// that they lead to: where another one has taken its place, only new ones lead
// there.
func (s *shared) reconnect(f *failure) error {
	ctx, cancel := context.WithTimeout(s.closing, probePatience*s.config.Timeout)
	defer cancel()
	s.mu.Lock()
	client, cluster := s.client, s.cluster
	s.mu.Unlock()
	if f.timeout {
		if err := s.probe(ctx, client); err != nil {
			return err
		}
		s.trust()
		return nil
	}
	switch f.reason { //nolint:exhaustive // the others say nothing about the sort of server
	case clustered:
		cluster = true
	case alone:
		cluster = false
	}
	fresh := s.config.dial(cluster)
	if err := s.probe(ctx, fresh); err != nil {
		_ = fresh.Close() // it never was of use
		s.mu.Lock()
		s.cluster = cluster
		s.mu.Unlock()
		return err
	}
	s.mu.Lock()
	s.client, s.cluster = fresh, cluster
	s.mu.Unlock()
	_ = client.Close() // nobody asks it any more
	s.trust()
	return nil
}

func (s *shared) trust() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = nil
	s.seen.Shared.Set(1)
}
