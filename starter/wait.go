package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/tenant"
)

// serverPoll is the pause between two looks at a server that is starting.
const serverPoll = time.Second

func waitFlag(cmd *cobra.Command, wait *time.Duration) {
	cmd.Flags().DurationVar(wait, "wait", 30*time.Second, "how long to wait for a server that is not up yet")
}

// until tries until it succeeds, the time is over, or the error is one that
// waiting does not mend. It tries once at least.
func (a *app) until(ctx context.Context, wait time.Duration, what string, try func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for said := false; ; said = true {
		err := try(ctx)
		if err == nil || !passing(err) || ctx.Err() != nil {
			return err
		}
		if limited.Err() != nil {
			return fmt.Errorf("%s was not ready within %s: %w", what, wait, err)
		}
		if !said {
			a.say("waiting up to %s for %s: %s", wait, what, cause(err))
		}
		select {
		case <-limited.Done():
		case <-time.After(serverPoll):
		}
	}
}

// cause is what an error says to a person, if it has words for one.
func cause(err error) string {
	var step *tenant.StepError
	var unavailable *tenant.UnavailableError
	switch {
	case errors.As(err, &step):
		return step.Reason
	case errors.As(err, &unavailable):
		return unavailable.Reason
	}
	return err.Error()
}

// passing reports errors of a server that is not up, not those of a server
// that refuses.
func passing(err error) bool {
	var step *tenant.StepError
	var told *tenant.UnavailableError
	if errors.As(err, &told) && told.Unfit || errors.Is(err, stellar.ErrOtherNetwork) {
		return false
	}
	if errors.As(err, &step) && (step.Permanent || slices.Contains([]tenant.FailureClass{tenant.ClassPermanent, tenant.ClassAuth, tenant.ClassConflict}, step.Class)) {
		return false
	}
	return errors.Is(err, tenant.ErrUnavailable) || step != nil
}
