package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc/codes"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/starter/output"
)

const (
	// deploymentTimeout bounds a question to Temporal. A worker of Temporal's own
	// answers it, which in a new namespace, or on a busy machine, takes its time.
	deploymentTimeout = time.Minute
	// askAgain is the pause before a question is repeated that had no answer.
	askAgain = time.Second
	// drainPoll is how often a drain is asked about. Temporal itself looks
	// every few minutes.
	drainPoll = 5 * time.Second
)

func (a *app) deployment() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deployment",
		Short: "Show the versions of the worker; promote one, or wait until one is drained",
		Long: `Show the versions of the worker that Temporal knows. Versions exist only where
workers run with TEMPORAL_WORKER_VERSIONING (auto-upgrade or pinned) and
TEMPORAL_WORKER_BUILD_ID. A version gets no new run before it is promoted.

To deploy: start workers of the new build beside the old ones, promote the new
build, wait until the old one is drained, stop its workers.`,
		Args: cobra.NoArgs,
		RunE: a.does(func(cmd *cobra.Command, _ []string) error {
			return a.withDeployment(cmd.Context(), func(ctx context.Context, name string, h client.WorkerDeploymentHandle) error {
				d, err := describe(ctx, name, h)
				if err != nil {
					return err
				}
				return a.answer(d)
			})
		}),
	}
	cmd.AddCommand(a.promote(), a.drain())
	return cmd
}

func (a *app) promote() *cobra.Command {
	return &cobra.Command{
		Use:   "promote BUILD-ID",
		Short: "Give new runs (and, with auto-upgrade, open ones) to a build",
		Args:  one("the build's id"),
		RunE: a.does(func(cmd *cobra.Command, args []string) error {
			return a.withDeployment(cmd.Context(), func(ctx context.Context, name string, h client.WorkerDeploymentHandle) error {
				ctx, cancel := context.WithTimeout(ctx, deploymentTimeout)
				defer cancel()
				if err := ask(ctx, func() error {
					_, err := h.SetCurrentVersion(ctx, client.WorkerDeploymentSetCurrentVersionOptions{BuildID: args[0]})
					return err
				}); err != nil {
					return fmt.Errorf("promote build %q of %s (its workers must be running: starter deployment shows what Temporal knows): %w", args[0], name, err)
				}
				d, err := describe(ctx, name, h)
				if err != nil {
					return err
				}
				return a.answer(d)
			})
		}),
	}
}

func (a *app) drain() *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "drain BUILD-ID",
		Short: "Wait until no open run needs a build any more, so that its workers can be stopped",
		Args:  one("the build's id"),
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, args []string) error {
		return a.withDeployment(cmd.Context(), func(ctx context.Context, name string, h client.WorkerDeploymentHandle) error {
			d, err := awaitDrained(ctx, name, h, args[0], wait)
			if err != nil {
				return err
			}
			return a.answer(d)
		})
	})
	cmd.Flags().DurationVar(&wait, "wait", 30*time.Minute, "for how long; 0 asks once")
	return cmd
}

// withDeployment opens the worker's deployment at Temporal.
func (a *app) withDeployment(ctx context.Context, do func(ctx context.Context, name string, h client.WorkerDeploymentHandle) error) error {
	cfg, err := a.load(config.NeedTemporal)
	if err != nil {
		return err
	}
	c, err := connect.Temporal(cfg.Temporal, a.logger(cfg), nil, connect.Metrics{})
	if err != nil {
		return err
	}
	defer c.Close()
	name := cfg.Temporal.DeploymentName
	return do(ctx, name, c.WorkerDeploymentClient().GetHandle(name))
}

func describe(ctx context.Context, name string, h client.WorkerDeploymentHandle) (output.Deployment, error) {
	ctx, cancel := context.WithTimeout(ctx, deploymentTimeout)
	defer cancel()
	d := output.Deployment{Name: name, Versions: []output.DeployedVersion{}}
	var answer client.WorkerDeploymentDescribeResponse
	err := ask(ctx, func() (err error) {
		answer, err = h.Describe(ctx, client.WorkerDeploymentDescribeOptions{})
		return err
	})
	if _, missing := errors.AsType[*serviceerror.NotFound](err); missing {
		return d, nil
	}
	if err != nil {
		hint := ""
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			hint = " (if its namespace was just made, ask again in a minute)"
		}
		return d, fmt.Errorf("ask Temporal (TEMPORAL_ADDRESS) for the deployment %s%s: %w", name, hint, err)
	}
	if v := answer.Info.RoutingConfig.CurrentVersion; v != nil {
		d.Current = v.BuildID
	}
	for _, v := range answer.Info.VersionSummaries {
		d.Versions = append(d.Versions, output.DeployedVersion{
			BuildID: v.Version.BuildID, State: versionState(v, d.Current), CreatedAt: v.CreateTime.UTC(),
		})
	}
	slices.SortFunc(d.Versions, func(x, y output.DeployedVersion) int { return y.CreatedAt.Compare(x.CreatedAt) })
	return d, nil
}

// ask repeats a question for as long as Temporal gives no answer to it.
func ask(ctx context.Context, question func() error) error {
	for {
		err := question()
		if err == nil || answered(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(askAgain):
		}
	}
}

// answered tells an error that says something about the question.
func answered(err error) bool {
	switch serviceerror.ToStatus(err).Code() {
	case codes.Canceled, codes.DeadlineExceeded, codes.Unavailable:
		return false
	default:
		return true
	}
}

// The states of a version.
const (
	versionCurrent  = "current"
	versionDraining = "draining"
	versionDrained  = "drained"
	versionInactive = "inactive"
)

func versionState(v client.WorkerDeploymentVersionSummary, current string) string {
	switch {
	case v.Version.BuildID == current:
		return versionCurrent
	case v.DrainageStatus == client.WorkerDeploymentVersionDrainageStatusDraining:
		return versionDraining
	case v.DrainageStatus == client.WorkerDeploymentVersionDrainageStatusDrained:
		return versionDrained
	}
	return versionInactive
}

func awaitDrained(ctx context.Context, name string, h client.WorkerDeploymentHandle, build string, wait time.Duration) (output.Deployment, error) {
	end := time.Now().Add(wait)
	for {
		d, err := describe(ctx, name, h)
		if err != nil {
			return d, err
		}
		i := slices.IndexFunc(d.Versions, func(v output.DeployedVersion) bool { return v.BuildID == build })
		switch {
		case i < 0:
			return d, fmt.Errorf("temporal knows no build %q of %s; starter deployment lists them", build, name)
		case d.Versions[i].State == versionCurrent:
			return d, fmt.Errorf("build %q gets new runs: promote another one first", build)
		case d.Versions[i].State != versionDraining:
			return d, nil
		case time.Now().After(end):
			return d, fmt.Errorf("build %q is still needed by open runs after %s; starter list --attention shows those that wait for a person", build, wait)
		}
		select {
		case <-ctx.Done():
			return d, ctx.Err()
		case <-time.After(drainPoll):
		}
	}
}
