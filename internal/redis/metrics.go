package redis

// count counts what was decided.
func (l *Limiter) count(d Decision) {
	switch {
	case !d.Allowed:
		l.seen.Decisions.WithLabelValues("refused").Inc()
	case d.Unchecked:
		l.seen.Decisions.WithLabelValues("unchecked").Inc()
	default:
		l.seen.Decisions.WithLabelValues("allowed").Inc()
	}
}
