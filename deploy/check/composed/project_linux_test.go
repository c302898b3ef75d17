package composed

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/graph"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

var repository = filepath.Join("..", "..", "..")

// load reads the project as docker compose --profile does in a fresh clone, after
// cp .env.example .env.
func load(t *testing.T, profiles ...string) *types.Project {
	t.Helper()
	if os.Getenv(programs) == "" {
		t.Skip("make composed runs it: it needs root, and servers that no other test needs")
	}
	text, err := os.ReadFile(filepath.Join(repository, ".env.example"))
	require.NoError(t, err)
	values, err := dotenv.Parse(bytes.NewReader(text))
	require.NoError(t, err)
	var environ []string
	for name, value := range values {
		environ = append(environ, name+"="+value)
	}
	options, err := cli.NewProjectOptions([]string{filepath.Join(repository, "docker-compose.yml")},
		cli.WithWorkingDirectory(repository), cli.WithEnv(environ), cli.WithProfiles(profiles), cli.WithConsistency(true))
	require.NoError(t, err)
	p, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	return p
}

// running are the containers of a project.
type running struct {
	t          *testing.T
	project    *types.Project
	containers map[string]*container
}

// upLimit bounds a start, on a machine that is busy with other things.
const upLimit = 5 * time.Minute

// up is docker compose up --wait: each container is started when those that it
// depends on are what it wants of them.
func up(t *testing.T, p *types.Project) running {
	t.Helper()
	r := running{t: t, project: p, containers: map[string]*container{}}
	for name, s := range p.Services {
		c := newContainer(t, p, s)
		r.containers[name] = c
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("%s: %s", name, c.said())
			}
		})
	}
	begun := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), upLimit)
	defer cancel()
	require.NoError(t, graph.InDependencyOrder(ctx, p, func(ctx context.Context, name string, s types.ServiceConfig) error {
		for needed, how := range s.DependsOn {
			if err := r.containers[needed].await(ctx, how.Condition); err != nil {
				return err
			}
		}
		return r.containers[name].start()
	}))
	for name, c := range r.containers {
		if h := p.Services[name].HealthCheck; h != nil && !h.Disable {
			require.NoError(t, c.await(ctx, types.ServiceConditionHealthy))
		}
		require.Equal(t, 1, c.started(), "%s was started again: %s", name, c.said())
	}
	t.Logf("up after %s", time.Since(begun).Round(time.Second))
	return r
}

// run is docker compose run --rm: its standard output, and its exit code.
func (r running) run(service string, args ...string) (output string, status int) {
	r.t.Helper()
	c := newContainer(r.t, r.project, r.project.AllServices()[service], args...)
	cmd := c.execute(r.t.Context(), c.args...)
	var failure strings.Builder
	cmd.Stderr = &failure
	out, err := cmd.Output()
	if cmd.ProcessState == nil {
		require.NoError(r.t, err)
	}
	if failure.Len() > 0 {
		r.t.Logf("%s %s: %s", service, strings.Join(args, " "), failure.String())
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// stop is docker stop of every container that runs, one after the other in the order
// of dependencies or, as compose does it, in the reverse.
func (r running) stop(options ...func(*graph.Options)) map[string]stopped {
	r.t.Helper()
	var mu sync.Mutex
	found := map[string]stopped{}
	require.NoError(r.t, graph.InDependencyOrder(r.t.Context(), r.project, func(_ context.Context, name string, _ types.ServiceConfig) error {
		c := r.containers[name]
		if !c.running() {
			return nil
		}
		s := c.stop()
		mu.Lock()
		defer mu.Unlock()
		found[name] = s
		r.t.Logf("%-12s ended with %d after %s, by itself: %t; it was started %d times", name, s.status, s.took.Round(time.Millisecond), s.byItself, s.starts)
		return nil
	}, append(options, graph.WithMaxConcurrency(1))...))
	return found
}
