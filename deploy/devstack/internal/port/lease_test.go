package port_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/deploy/devstack/internal/port"
)

func newLeases(t *testing.T) *port.Leases {
	t.Helper()
	l, err := port.NewLeases()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

func TestAPortIsLeasedOnce(t *testing.T) {
	t.Parallel()
	one, two := newLeases(t), newLeases(t)
	first, err := one.Take(0, 1)
	require.NoError(t, err)
	other, err := two.Take(first, 1)
	require.NoError(t, err)
	require.NotEqual(t, first, other, "nobody listens there, but it is leased")

	require.NoError(t, one.Close())
	again, err := newLeases(t).Take(first, 1)
	require.NoError(t, err)
	require.Equal(t, first, again)
}

func TestARowOfPortsAvoidsOneThatIsListenedOn(t *testing.T) {
	t.Parallel()
	l := newLeases(t)
	first, err := l.Take(0, 4)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	listener, err := net.Listen("tcp", port.Address(first+3))
	require.NoError(t, err)
	defer listener.Close()
	got, err := l.Take(first, 4)
	require.NoError(t, err)
	require.NotEqual(t, first, got)
	// The ports before the one that was taken were given back.
	again, err := newLeases(t).Take(first, 3)
	require.NoError(t, err)
	require.Equal(t, first, again)
}
