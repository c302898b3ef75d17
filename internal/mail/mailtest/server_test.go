package mailtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/mail/mailtest"
)

func (b *testBundle) send(ctx context.Context) (int, error) {
	encoded := must(json.Marshal(mailDocument(nil)))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, b.URL+"/v3/mail/send", bytes.NewReader(encoded))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+mailtest.APIKey)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

func TestFaultStrikesAsOftenAsItSays(t *testing.T) {
	t.Parallel()
	b := setup(t, mailtest.CatcherConfig{})
	b.Fail(mailtest.Fault{Status: 500, Times: 2})
	for _, want := range []int{500, 500, 202} {
		status, err := b.send(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, status)
	}
	b.Fail(mailtest.Fault{Status: 503, Taken: true})
	status, err := b.send(t.Context())
	require.NoError(t, err)
	require.Equal(t, 503, status)
	require.Len(t, b.Messages(), 2, "taken all the same")
	b.Fail(mailtest.Fault{Drop: true})
	_, err = b.send(t.Context())
	require.Error(t, err)
	require.Len(t, b.Messages(), 2)
	b.Recover()
	status, err = b.send(t.Context())
	require.NoError(t, err)
	require.Equal(t, 202, status)
	require.Equal(t, 6, b.Requests())
}

func TestHeldRequestIsTakenOnlyIfItsSenderStays(t *testing.T) {
	t.Parallel()
	b := setup(t, mailtest.CatcherConfig{})
	release := b.Hold()
	leaving, leave := context.WithCancel(t.Context())
	outcomes := make(chan error, 2)
	for _, ctx := range []context.Context{leaving, t.Context()} {
		go func() {
			_, err := b.send(ctx)
			outcomes <- err
		}()
	}
	waiting := func(n int) func() bool { return func() bool { return b.Waiting() == n } }
	require.Eventually(t, waiting(2), time.Minute, time.Millisecond)
	leave()
	require.ErrorIs(t, <-outcomes, context.Canceled)
	require.Eventually(t, waiting(1), time.Minute, time.Millisecond)
	require.Empty(t, b.Messages())
	release()
	require.NoError(t, <-outcomes)
	require.Len(t, b.Messages(), 1)
	release() // twice is once
}

func TestStoppedServerRefusesConnections(t *testing.T) {
	t.Parallel()
	b := setup(t, mailtest.CatcherConfig{})
	b.Stop()
	_, err := b.send(t.Context())
	require.ErrorContains(t, err, "refused")
}
