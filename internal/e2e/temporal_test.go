package e2e

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	sdk "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"tenant-provisioning/client"
)

func decode[T any](t testing.TB, r io.Reader) T {
	t.Helper()
	var v T
	require.NoError(t, json.NewDecoder(r).Decode(&v))
	return v
}

// temporal is a client as an operator's tool has it.
func (i *installation) temporal() sdk.Client {
	i.t.Helper()
	c, err := sdk.NewLazyClient(sdk.Options{
		HostPort: i.env["TEMPORAL_ADDRESS"], Namespace: i.env["TEMPORAL_NAMESPACE"],
		ConnectionOptions: sdk.ConnectionOptions{GetSystemInfoTimeout: patience},
		Logger:            log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	require.NoError(i.t, err)
	i.t.Cleanup(c.Close)
	return c
}

// asksTemporal repeats what Temporal, or a worker on its behalf, did not answer
// within the ten seconds that its client takes. What is asked must bear that.
func (i *installation) asksTemporal(ask func() error) (err error) {
	i.t.Helper()
	eventually(i.t, "Temporal answers", func() bool {
		err = ask()
		_, late := errors.AsType[*serviceerror.DeadlineExceeded](err)
		return !late && !errors.Is(err, context.DeadlineExceeded)
	})
	return err
}

// workflowID is of a provisioning where a test knows of the operation only its id.
func workflowID(o operation) string {
	return "tenant-" + string(cmp.Or(o.Kind, client.KindProvision)) + "/" + o.TenantID
}

// closes waits until an operation's run has closed, and says how.
func (i *installation) closes(o operation, want enumspb.WorkflowExecutionStatus) {
	i.t.Helper()
	c := i.temporal()
	var status enumspb.WorkflowExecutionStatus
	eventually(i.t, "the run closes", func() bool {
		d, err := c.DescribeWorkflowExecution(i.t.Context(), workflowID(o), "")
		if err != nil {
			return false
		}
		status = d.GetWorkflowExecutionInfo().GetStatus()
		return status != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
	})
	require.Equal(i.t, want, status)
}

// temporalServer is a Temporal server of a test's own, to be killed.
type temporalServer struct {
	*process
	t       testing.TB
	program string
	args    []string
	address string
}

// devstack is the program of the embedded stack.
func devstack(t testing.TB) string {
	t.Helper()
	program := os.Getenv("DEVSTACK_BIN")
	if program == "" {
		require.Empty(t, os.Getenv("CI"), "DEVSTACK_BIN must name the embedded stack's program")
		t.Skip("needs DEVSTACK_BIN, the embedded stack's program: run it by make test")
	}
	return program
}

// startTemporal starts a server that keeps its state over a kill.
func startTemporal(t testing.TB) *temporalServer {
	t.Helper()
	program := devstack(t)
	s := &temporalServer{t: t, program: program, args: []string{
		"temporal", "--store", "sqlite", "--sqlite-file", filepath.Join(t.TempDir(), "temporal.db"), "--log-level", "error",
	}}
	s.start()
	lines := bufio.NewScanner(strings.NewReader(s.stdout.String()))
	for lines.Scan() {
		if a, ok := strings.CutPrefix(lines.Text(), "TEMPORAL_ADDRESS="); ok {
			s.address = a
		}
	}
	_, port, _ := strings.Cut(s.address, ":")
	_, err := strconv.Atoi(port)
	require.NoError(t, err, "the address of the server")
	s.args = append(s.args, "--port", port)
	return s
}

// start starts it, the second time where it was.
func (s *temporalServer) start() {
	s.t.Helper()
	s.process = launch(s.t, nil, s.program, s.args...)
	s.says("\nready\n")
}
