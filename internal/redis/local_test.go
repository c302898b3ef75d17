package redis

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAProcessRemembersSoManyClients, whatever their names: who was quiet for
// longest is forgotten, and whoever floods is not.
func TestAProcessRemembersSoManyClients(t *testing.T) {
	t.Parallel()
	const most = 100
	l := newLocal(most)
	now := time.Unix(1_700_000_000, 0)
	limit := Limit{Requests: 1, Window: time.Hour, Burst: 2}
	allowed := 0
	for i := range 100 * most {
		name := fmt.Sprintf("%d %s", i, strings.Repeat("x", 1000))
		require.True(t, l.take(now, []Check{{Key: name, Limit: limit}}).Allowed)
		if l.take(now, []Check{{Key: "flood", Limit: limit}}).Allowed {
			allowed++
		}
		// What Redis tells is no way around the bound.
		l.learn(now, []Check{{Key: name + "told", Limit: limit}}, false, []time.Duration{time.Hour})
		require.LessOrEqual(t, len(l.entries), most)
		require.Equal(t, len(l.entries), l.order.Len())
	}
	require.Equal(t, 2, allowed)
}

// TestLongBursts do not overflow: the longest that the settings allow.
func TestLongBursts(t *testing.T) {
	t.Parallel()
	l := newLocal(10)
	now := time.Unix(1_700_000_000, 0)
	c := []Check{{Key: "a", Limit: Limit{Requests: 1, Window: 24 * time.Hour, Burst: 1_000_000}}}
	for range 1000 {
		require.True(t, l.take(now, c).Allowed)
	}
	fast := []Check{{Key: "b", Limit: Limit{Requests: 1_000_000, Window: time.Millisecond, Burst: 1}}}
	require.True(t, l.take(now, fast).Allowed)
	require.True(t, l.take(now.Add(time.Millisecond), fast).Allowed)
}
