package main

import (
	"bufio"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

func waits(ctx workflow.Context) (string, error) {
	var answer string
	workflow.GetSignalChannel(ctx, "answer").Receive(ctx, &answer)
	return answer, nil
}

// A workflow that waits when its server is killed goes on when the server is
// back at the same address.
func TestAPrivateTemporalSurvivesKill(t *testing.T) {
	t.Parallel()
	stores := map[string][]string{
		"sqlite":   {"--store", "sqlite", "--sqlite-file", filepath.Join(t.TempDir(), "temporal.db")},
		"postgres": nil, // set below
	}
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var vars []string
			if name == "postgres" {
				env := ownStack(t)
				store = []string{"--store", "postgres", "--db-port", env["DB_PORT"], "--database", "chaos"}
				vars = []string{"DB_PASSWORD=" + env["DB_PASSWORD"]}
			}
			args := append([]string{"temporal", "--namespace", "chaos"}, store...)
			first := start(t, vars, args...)
			first.ready(t, "\nready\n")
			address := addressIn(first.stdout.String())

			c, err := client.Dial(client.Options{HostPort: address, Namespace: "chaos"})
			require.NoError(t, err)
			defer c.Close()
			w := worker.New(c, "chaos", worker.Options{})
			w.RegisterWorkflow(waits)
			require.NoError(t, w.Start())
			defer w.Stop()
			run, err := c.ExecuteWorkflow(withTimeout(t), client.StartWorkflowOptions{TaskQueue: "chaos"}, waits)
			require.NoError(t, err)

			first.signal(syscall.SIGKILL)
			first.wait(t)
			_, port, _ := strings.Cut(address, ":")
			second := start(t, vars, append(args, "--port", port)...)
			second.ready(t, "\nready\n")
			require.Equal(t, address, addressIn(second.stdout.String()))
			ctx := withTimeout(t)
			require.NoError(t, c.SignalWorkflow(ctx, run.GetID(), "", "answer", "still here"))
			var answer string
			require.NoError(t, run.Get(ctx, &answer))
			require.Equal(t, "still here", answer)
		})
	}
}

func TestUnknownVerbsAndFlagsAreRefused(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"down"}, {"up", "--persistence", "mem"}, {"redis", "now"}, {"up", "--ephemeral", "--data-dir", "x"}, {"up", "--data-dir", t.TempDir(), "--starter", "/nowhere"}} {
		p := start(t, nil, args...)
		require.NotZero(t, p.wait(t), "%v", args)
		require.NotEmpty(t, p.stderr.String(), "%v", args)
	}
	p := start(t, []string{"LEDGER_INTERVAL=soon"}, "up", "--ephemeral", "--no-setup")
	require.NotZero(t, p.wait(t))
	require.Contains(t, p.stderr.String(), "LEDGER_INTERVAL")
}

// ownStack gives a PostgreSQL server of the test's own.
func ownStack(t *testing.T) map[string]string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "env")
	p := start(t, nil, "up", "--ephemeral", "--no-setup", "--env-file", file)
	p.ready(t, "devstack ready")
	return environmentOf(t, file)
}

func addressIn(stdout string) string {
	lines := bufio.NewScanner(strings.NewReader(stdout))
	for lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "TEMPORAL_ADDRESS="); ok {
			return address
		}
	}
	return ""
}
