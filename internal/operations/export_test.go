package operations

import "time"

// Within is New with other limits than the product's for the parts of an action:
// long ones where whoever is asked answers, however slow the machine is.
func Within(c Config, update, signal, effect time.Duration) *Service {
	s := New(c)
	s.limits = limits{update: update, signal: signal, effect: effect}
	return s
}
