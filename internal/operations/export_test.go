package operations

import "time"

// Patient is New for tests in which whoever is asked answers, however slow the
// machine is: for each part of an action it waits so long.
func Patient(c Config, long time.Duration) *Service {
	s := New(c)
	s.limits = limits{update: long, signal: long, effect: long}
	return s
}
