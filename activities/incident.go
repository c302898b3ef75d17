package activities

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"tenant-provisioning/internal/tenant"
)

// Breaker tells what stands in the way of everybody.
type Breaker interface {
	// Blocking is the incident that an attempt at a step must wait for; its
	// id is zero when there is none. Every attempt asks.
	Blocking(ctx context.Context, step tenant.Step) (tenant.Incident, error)
	// Detect opens an incident when enough operations have failed like
	// this, and returns the one that is open.
	Detect(ctx context.Context, fail tenant.Failure) (i tenant.Incident, opened bool, err error)
	// DetectOutage is asked when the database has refused a write. What it
	// returns has an id when it could be written down, and is worth that;
	// opened is as with Detect.
	DetectOutage(ctx context.Context, refused error) (i tenant.Incident, opened bool, err error)
}

// ErrTypeWaiting is an attempt that waits for the end of an incident instead of
// failing; its details are a Wait.
const ErrTypeWaiting = "WaitingForIncident"

// Wait is what stands before a step.
type Wait struct {
	Step     tenant.Step     `json:"step"`
	Incident tenant.Incident `json:"incident"`
}

// Waiting reads what an attempt waits for; false for any other error.
func Waiting(err error) (Wait, bool) {
	var w Wait
	app, ok := errors.AsType[*temporal.ApplicationError](err)
	if !ok || app.Type() != ErrTypeWaiting || app.Details(&w) != nil {
		return Wait{}, false
	}
	return w, true
}

// String says it to people.
func (w Wait) String() string { return "waits for " + w.Incident.String() + ": " + w.Incident.Cause }

// asError ends an attempt without using up its budget: it is for the workflow
// to wait and to begin anew.
func (w *Wait) asError() error {
	return temporal.NewApplicationErrorWithOptions(w.String(), ErrTypeWaiting, temporal.ApplicationErrorOptions{
		NonRetryable: true, Details: []any{*w}, Category: temporal.ApplicationErrorCategoryBenign,
	})
}

// mustWait is what an attempt must wait for; nil when it may begin. When
// nobody can say it may begin, and meets the database itself.
func mustWait(ctx context.Context, b Breaker, step tenant.Step) *Wait {
	incident, err := b.Blocking(ctx, step)
	switch {
	case errors.Is(err, tenant.ErrUnavailable):
		return &Wait{Step: step, Incident: tenant.Incident{
			Dependency: tenant.DependencyDatabase,
			Cause:      databaseCause(err),
		}}
	case err != nil, incident.ID == 0:
		return nil
	}
	return waitFor(step, incident)
}

// databaseCause is why the database does no work, where it has said so.
func databaseCause(err error) string {
	var answered interface{ Told() string }
	if errors.As(err, &answered) {
		return answered.Told() + "; check that PostgreSQL runs, and that DB_HOST and DB_PORT lead to it"
	}
	return "PostgreSQL does not answer; check that it runs, and that DB_HOST and DB_PORT lead to it"
}

// waitFor is nil for an incident that is not waited for.
func waitFor(step tenant.Step, i tenant.Incident) *Wait {
	if !i.HoldsWork() {
		return nil
	}
	return &Wait{Step: step, Incident: i}
}

// outage is the incident of a database that has refused a write: it is the same
// one for everybody, so a single attempt is enough to know. nil for any other
// error.
func outage(ctx context.Context, b Breaker, step tenant.Step, refused error) *Wait {
	if !errors.Is(refused, tenant.ErrUnavailable) {
		return nil
	}
	incident, opened, err := b.DetectOutage(ctx, refused)
	if err != nil {
		activity.GetLogger(ctx).Warn("the outage of the database cannot be written down", "error", err)
	}
	announce(ctx, incident, opened)
	return waitFor(step, incident)
}

// announce tells the operator of an incident, once.
func announce(ctx context.Context, i tenant.Incident, opened bool) {
	if opened {
		activity.GetLogger(ctx).Error(tenant.IncidentOpened,
			"incident", i.ID, "dependency", i.Dependency, "cause", i.Cause, "affected", i.Affected)
	}
}

// AskForIncident tells what a step would wait for now; nothing when its Step is
// empty. It changes nothing.
func (a *Operation) AskForIncident(ctx context.Context, step tenant.Step) (Wait, error) {
	if w := mustWait(ctx, a.Breaker, step); w != nil {
		return *w, nil
	}
	return Wait{}, nil
}

const (
	// resumeSpread spreads the return of what waited for an incident: each asks
	// at a time of its own.
	resumeSpread = 10 * time.Second
	// outageSpread is the same where the database was away: often for no longer
	// than it takes to restart.
	outageSpread = 2 * time.Second
)

// AwaitIncidentEnd ends when nothing stands before the step any more. The
// waiting is between its attempts, which Temporal does not keep as events: an
// incident of days costs a run as much as one of seconds. The first attempt
// always waits, so that what an incident has stopped does not come back at the
// same moment.
func (a *Operation) AwaitIncidentEnd(ctx context.Context, w Wait) error {
	spread := resumeSpread
	if w.Incident.ID == 0 {
		spread = outageSpread
	}
	if activity.GetInfo(ctx).Attempt > 1 {
		still := mustWait(ctx, a.Breaker, w.Step)
		if still == nil && w.Incident.ID == 0 {
			still = outage(ctx, a.Breaker, w.Step, a.TakesWrites(ctx))
		}
		if still == nil {
			return nil
		}
		w = *still
	}
	return temporal.NewApplicationErrorWithOptions(w.String(), ErrTypeWaiting, temporal.ApplicationErrorOptions{
		Details: []any{w}, Category: temporal.ApplicationErrorCategoryBenign,
		NextRetryDelay: spread/2 + rand.N(spread), //nolint:gosec // spreads load; nothing to guess
	})
}
