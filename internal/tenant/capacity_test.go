package tenant_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

func reading(r tenant.Resource, used, bound int64) tenant.CapacityReading {
	return tenant.CapacityReading{Resource: r, Used: used, Bound: &bound}
}

// TestProvisioningWaitsBeforeTheEnd: with less left than the reserve, and until half as
// much again is free.
func TestProvisioningWaitsBeforeTheEnd(t *testing.T) {
	t.Parallel()
	const gib = 1 << 30
	for name, c := range map[string]struct {
		reading      tenant.CapacityReading
		short, still bool
	}{
		"room":                        {reading(tenant.ResourceDisk, 70*gib, 100*gib), false, false},
		"more than the reserve":       {reading(tenant.ResourceDisk, 88*gib, 100*gib), false, true},
		"less than it":                {reading(tenant.ResourceDisk, 91*gib, 100*gib), true, true},
		"over":                        {reading(tenant.ResourceDisk, 110*gib, 100*gib), true, true},
		"a tenth of a large one":      {reading(tenant.ResourceDisk, 9968*gib, 10000*gib), false, false},
		"20 GiB of a large one":       {reading(tenant.ResourceDisk, 9981*gib, 10000*gib), true, true},
		"nobody says":                 {tenant.CapacityReading{Resource: tenant.ResourceDisk, Used: 1000 * gib}, false, false},
		"connections":                 {reading(tenant.ResourceConnections, 92, 97), false, true},
		"few connections":             {reading(tenant.ResourceConnections, 94, 97), true, true},
		"locks":                       {reading(tenant.ResourceLocks, 6200, 6400), true, true},
		"what is needed is there":     {reading(tenant.ResourceBalance, 500, 500), false, false},
		"less than is needed":         {reading(tenant.ResourceBalance, 500, 499), true, true},
		"less, and nothing was spent": {reading(tenant.ResourceBalance, 0, -1), true, true},
	} {
		require.Equal(t, c.short, c.reading.Short(false), name)
		require.Equal(t, c.still, c.reading.Short(true), name)
		require.NotEmpty(t, c.reading.Cause())
	}
}

// TestDaysLeft counts to the reserve, at which provisioning waits.
func TestDaysLeft(t *testing.T) {
	t.Parallel()
	perDay, shrinks := 10., -1.
	c := tenant.Capacity{CapacityReading: reading(tenant.ResourceDisk, 500, 1000), ReadAt: time.Now()}
	_, known := c.DaysLeft()
	require.False(t, known, "too few readings")
	c.Growth = &perDay
	days, known := c.DaysLeft()
	require.True(t, known)
	require.InDelta(t, 40, days, .01)
	c.Growth = &shrinks
	_, known = c.DaysLeft()
	require.False(t, known, "for ever")
	c.Growth, c.Bound = &perDay, nil
	_, known = c.DaysLeft()
	require.False(t, known, "nobody says how much there is")
}
