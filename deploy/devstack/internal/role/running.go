package role

import "context"

// running is a component inside this process.
type running struct {
	stop  func(context.Context) error
	ended chan error // nil: it cannot end by itself
}

func (r running) Stop(ctx context.Context) error { return r.stop(ctx) }
func (r running) Ended() <-chan error            { return r.ended }
