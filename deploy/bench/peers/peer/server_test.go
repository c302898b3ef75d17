package peer

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/deploy/bench/steps"
	"tenant-provisioning/internal/tenant"
)

// inline is an engine that calls the steps of a run before Start returns.
type inline struct{ steps []steps.Step }

func (e inline) Start(ctx context.Context, f tenant.Fence) error {
	var err error
	for _, step := range e.steps {
		err = errors.Join(err, step.Do(ctx, f))
	}
	return err
}
func (inline) Succeeded(context.Context) (int, error) { return 7, nil }
func (inline) Close()                                 {}

// TestAnAnswerComesWithTheEnd, even where the run is over before anybody waits.
func TestAnAnswerComesWithTheEnd(t *testing.T) {
	t.Parallel()
	done := 0
	ends := newEnds()
	do := func(context.Context, tenant.Fence) error { done++; return nil }
	s := httptest.NewServer((&server{
		accept: func(_ context.Context, n tenant.Spec) (tenant.Fence, error) {
			if n.Name == "" {
				return tenant.Fence{}, errors.New("it has no name")
			}
			return tenant.Fence{Tenant: tenant.ID(n.Name), Operation: "an operation"}, nil
		},
		engine: inline{ends.Tell([]steps.Step{{Name: "first", Do: do}, {Name: "last", Do: do}})},
		ends:   ends,
	}).routes())
	defer s.Close()
	post := func(body string) (*http.Response, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/tenants", strings.NewReader(body))
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		said, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp, string(said)
	}
	resp, said := post(`{"Name":"a clinic"}`)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	var f tenant.Fence
	require.NoError(t, json.Unmarshal([]byte(said), &f))
	require.Equal(t, tenant.ID("a clinic"), f.Tenant)
	require.Equal(t, 2, done)
	require.Empty(t, ends.waiting, "what has ended is forgotten")

	resp, said = post(`{}`)
	require.Equal(t, http.StatusInternalServerError, resp.StatusCode)
	require.Equal(t, "it has no name\n", said)
}

// TestAStepThatFailsEndsNothing: only the last one does, and only when it is done.
func TestAStepThatFailsEndsNothing(t *testing.T) {
	t.Parallel()
	ends := newEnds()
	ended, forget := ends.Expect("an operation")
	defer forget()
	failure := errors.New("again")
	all := ends.Tell([]steps.Step{
		{Name: "first", Do: func(context.Context, tenant.Fence) error { return nil }},
		{Name: "last", Do: func(context.Context, tenant.Fence) error { return failure }},
	})
	var log strings.Builder
	all = Outspoken(all, slog.New(slog.NewTextHandler(&log, nil)))
	f := tenant.Fence{Operation: "an operation"}
	require.NoError(t, all[0].Do(t.Context(), f))
	require.Empty(t, log.String())
	require.ErrorIs(t, all[1].Do(t.Context(), f), failure)
	require.Contains(t, log.String(), "step=last operation=\"an operation\" error=again")
	select {
	case <-ended:
		require.Fail(t, "it has not ended")
	default:
	}
	failure = nil
	require.NoError(t, all[1].Do(t.Context(), f))
	<-ended
}
