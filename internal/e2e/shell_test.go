package e2e

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// shell runs a script as an engineer at a terminal does: with the settings of
// the api and the worker, and with starter, temporal and psql on the PATH. more
// are variables that he has set.
func (i *installation) shell(script string, more map[string]string) *process {
	i.t.Helper()
	path := []string{filepath.Dir(binaries.path(i.t, "starter")), filepath.Dir(temporalCLI(i.t)), os.Getenv("PATH")}
	if _, err := exec.LookPath("psql"); err != nil {
		path = append(path, psqlInstead(i.t))
	}
	env := maps.Clone(i.env)
	maps.Copy(env, more)
	env["PATH"] = strings.Join(path, string(os.PathListSeparator))
	return launch(i.t, env, "/bin/sh", "-euc", script)
}

// late is how starter, temporal and curl say that they had no answer in time: the last
// is Temporal's word for a query while a task of the run, which its worker was too slow
// to end, is being repeated.
var late = []string{"temporarily unavailable", "deadline exceeded", "Workflow is busy", "returned error: 503", "due to Workflow Task in failed state"}

// untilAnswered runs a command to its end, and again while it ends for want of an
// answer in time. What it does must bear that.
func untilAnswered(t testing.TB, command string, run func() *process) *process {
	t.Helper()
	var p *process
	eventually(t, "an answer to "+command, func() bool {
		p = run()
		failed := p.wait() != 0
		said := p.stderr.String()
		unanswered := slices.ContainsFunc(late, func(how string) bool { return strings.Contains(said, how) })
		return !(failed && unanswered) && !strings.Contains(said, "run the same command again for what is left")
	})
	return p
}

// types is what a command says that must succeed.
func (i *installation) types(command string) string {
	i.t.Helper()
	p := untilAnswered(i.t, command, func() *process { return i.shell(command, nil) })
	require.Zero(i.t, p.wait(), "%s\n%s%s", command, p.stdout.String(), p.stderr.String())
	return p.stdout.String()
}

// temporalCLI is Temporal's command line, in the version of tools/temporal.
func temporalCLI(t testing.TB) string {
	t.Helper()
	program, err := filepath.Abs(filepath.Join("..", "..", "bin", "tools", "temporal"))
	require.NoError(t, err)
	if _, err := os.Stat(program); err != nil {
		require.Empty(t, os.Getenv("CI"), "%s is missing: make bin/tools/temporal", program)
		t.Skipf("%s is missing: make bin/tools/temporal, or run it by make test", program)
	}
	return program
}
