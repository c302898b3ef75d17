package rest

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"tenant-provisioning/internal/observe"
	"tenant-provisioning/internal/probe"
)

// Check is a system behind the API.
type Check struct {
	Name string
	// Ask returns nil when the system does what the API needs of it. An error with
	// a method Public says in those words why not, where anybody may ask.
	Ask func(context.Context) error
	// within is how long it may take for that; zero is checkTimeout.
	within time.Duration
}

// checkTimeout is shorter than the second that Kubernetes and load balancers
// wait by default.
const checkTimeout = 800 * time.Millisecond

// sharedCheck is a check that many probes at a time ask once.
type sharedCheck struct {
	name   string
	shared *probe.Shared[struct{}]
}

func share(c Check) sharedCheck {
	return sharedCheck{c.Name, probe.Share(cmp.Or(c.within, checkTimeout), func(ctx context.Context) (struct{}, error) {
		return struct{}{}, c.Ask(ctx)
	})}
}

func shareAll(checks []Check) []sharedCheck {
	shared := make([]sharedCheck, len(checks))
	for i, c := range checks {
		shared[i] = share(c)
	}
	return shared
}

// state is what anybody may know of the system: ok, the error's own public
// words, or unreachable.
func (c sharedCheck) state(ctx context.Context) string {
	_, err := c.shared.Get(ctx)
	var told interface{ Public() string }
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &told):
		return told.Public()
	}
	return "unreachable"
}

// Health is the answer for those who only want to know whether it works.
type Health struct {
	Status string `json:"status" enum:"ok" example:"ok"`
}

// Readiness is what the API works with at this moment.
type Readiness struct {
	Status  string            `json:"status" enum:"ok" example:"ok"`
	Systems map[string]string `json:"systems" doc:"Each system behind the API: ok, unreachable, or in words why it is of no use. Only the database decides; without the others tenants are still accepted, and wait." example:"{\"database\":\"ok\",\"redis\":\"ok\",\"temporal\":\"unreachable\"}"`
	Note    string            `json:"note,omitempty" doc:"A warning while requests are still accepted: no worker is running, a worker lacks something, or a newer version has migrated the database." example:"No worker is running: none has ever been seen. 9 operations wait. See docs/runbooks/no-worker.md"`
}

type (
	healthOutput    struct{ Body Health }
	readinessOutput struct{ Body Readiness }
)

func (s *Server) registerHealth() {
	huma.Register(s.api, s.probe("health", http.MethodGet, "/health", "Whether the API works",
		"Asks the database, at most once a second; for clients of the application that this one replaces.", CodeUnavailable),
		func(ctx context.Context, _ *struct{}) (*healthOutput, error) {
			if err := s.ready(ctx); err != nil {
				return nil, err
			}
			return &healthOutput{Health{"ok"}}, nil
		})
	huma.Register(s.api, s.probe("livez", http.MethodGet, "/livez", "Whether the process runs",
		"Asks nobody: restarting the process when another system is away would help nobody."),
		func(context.Context, *struct{}) (*healthOutput, error) { return &healthOutput{Health{"ok"}}, nil })
	huma.Register(s.api, s.probe("readyz", http.MethodGet, "/readyz", "Whether the process can take requests",
		"Asks the database, tells of the other systems, each at most once a second, and says no as soon as the process is asked to stop.", CodeUnavailable),
		s.readyz)
}

// ready asks what the API cannot work without.
func (s *Server) ready(ctx context.Context) error {
	if s.draining.Err() != nil {
		return newProblem(CodeUnavailable, "This process is about to stop.")
	}
	_, err := s.database.shared.Get(ctx)
	var told interface{ Told() string }
	switch {
	case errors.As(err, &told):
		return newProblem(CodeUnavailable, sentence(told.Told()))
	case err != nil:
		return newProblem(CodeUnavailable, "The "+s.database.name+" does not answer.")
	}
	return nil
}

func (s *Server) readyz(ctx context.Context, _ *struct{}) (*readinessOutput, error) {
	states := make([]string, len(s.others))
	var all sync.WaitGroup
	for i, check := range s.others {
		all.Go(func() { states[i] = check.state(ctx) })
	}
	err := s.ready(ctx)
	all.Wait()
	if err != nil {
		return nil, err
	}
	out := &readinessOutput{Readiness{Status: "ok", Systems: map[string]string{s.database.name: "ok"}}}
	for i, check := range s.others {
		out.Body.Systems[check.name] = states[i]
	}
	if s.note != nil {
		out.Body.Note = s.note()
	}
	return out, nil
}

func (s *Server) registerMetrics(gatherer prometheus.Gatherer) {
	s.echo.GET("/metrics", echo.WrapHandler(observe.Page(gatherer)))
}
