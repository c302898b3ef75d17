package redis

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCircuit(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	now := time.Unix(0, 0)
	c := &circuit{cooldown: time.Second, now: func() time.Time { return now }}

	require.True(t, c.closed())
	require.Equal(t, unchanged, c.report(nil))
	require.Equal(t, opened, c.report(away))
	require.Equal(t, unchanged, c.report(away), "a request that was under way when it opened")
	require.False(t, c.closed())

	now = now.Add(time.Second)
	require.True(t, c.closed(), "after the cooldown one tries")
	require.False(t, c.closed(), "and only one")
	c.abandon()
	require.True(t, c.closed(), "the next one, when that one gave up")
	require.Equal(t, unchanged, c.report(away))
	require.False(t, c.closed(), "another cooldown")

	now = now.Add(time.Second)
	require.True(t, c.closed())
	require.Equal(t, closedAgain, c.report(nil))
	require.True(t, c.closed())
	require.True(t, c.closed())
}
