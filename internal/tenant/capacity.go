package tenant

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Resource is something that adding tenants uses up.
type Resource string

const (
	// ResourceDisk is the room of the databases and their write-ahead log, in bytes.
	ResourceDisk Resource = "disk"
	// ResourceConnections is those to the database's server.
	ResourceConnections Resource = "connections"
	// ResourceLocks is those in the table that all transactions of the server share.
	ResourceLocks Resource = "locks"
	// ResourceBalance is what pays on the ledger, in stroops. Used is what was ever paid,
	// so that money that is sent to the account does not look like less being spent.
	ResourceBalance Resource = "balance"
)

// Resources lists them all.
func Resources() []Resource {
	return []Resource{ResourceDisk, ResourceConnections, ResourceLocks, ResourceBalance}
}

// Dependency is what would fail without it.
func (r Resource) Dependency() Dependency {
	if r == ResourceBalance {
		return DependencyLedger
	}
	return DependencyDatabase
}

// CapacityReading is what is used of a resource.
type CapacityReading struct {
	Resource Resource
	Used     int64
	// Bound is what Used can come to; nil where nobody has said, so that it is not judged.
	Bound *int64
}

// Left is what can still be used, where that is known. Of the balance it is what is
// there beyond what the transactions that may be under way at a time need.
func (r CapacityReading) Left() int64 {
	if r.Bound == nil {
		return 0
	}
	return *r.Bound - r.Used
}

const (
	// diskReserve is the part of a disk that stays free, and diskReserveMost the most of
	// it, in bytes: what runs goes on, and a vacuum, a backup's temporary files and the
	// write-ahead log need room too.
	diskReserve     = .1
	diskReserveMost = 20 << 30
	// sharedReserve is the part of connections and locks that stays free: they are in use
	// for moments, and other clients have the same server.
	sharedReserve = .05
	// again is by how much more than the reserve must be free before provisioning goes on,
	// so that it does not stop and go with every tenant.
	again = 1.5
)

// Reserve is what has to stay free: with less, provisioning waits.
func (r CapacityReading) Reserve() int64 {
	switch {
	case r.Bound == nil, r.Resource == ResourceBalance: // whose bound leaves it out
		return 0
	case r.Resource == ResourceDisk:
		return min(int64(float64(*r.Bound)*diskReserve), diskReserveMost)
	}
	return int64(float64(*r.Bound) * sharedReserve)
}

// Short reports whether provisioning has to wait, before what runs fails; waits tells
// that it does already.
func (r CapacityReading) Short(waits bool) bool {
	reserve := float64(r.Reserve())
	if waits {
		reserve *= again
	}
	return r.Bound != nil && float64(r.Left()) < reserve
}

// Cause says for people why provisioning waits.
func (r CapacityReading) Cause() string {
	switch r.Resource {
	case ResourceDisk:
		return fmt.Sprintf("the databases and their write-ahead log take %s of %s (DB_DISK_BYTES)", r.Resource.Amount(r.Used), r.Resource.Amount(orNone(r.Bound)))
	case ResourceConnections:
		return fmt.Sprintf("%d of the %d connections that the database's server gives to ordinary roles are in use", r.Used, orNone(r.Bound))
	case ResourceLocks:
		return fmt.Sprintf("%d of the %d places in the lock table of the database's server are in use", r.Used, orNone(r.Bound))
	case ResourceBalance:
		return fmt.Sprintf("the account that pays on the ledger has %s less than the transactions need that may be under way at a time", r.Resource.Amount(-r.Left()))
	}
	return string(r.Resource)
}

const stroops = 10_000_000

// Amount writes an amount of the resource for people.
func (r Resource) Amount(n int64) string {
	switch r {
	case ResourceDisk:
		return sized(n)
	case ResourceBalance:
		return fmt.Sprintf("%.2f XLM", float64(n)/stroops)
	case ResourceConnections, ResourceLocks:
	}
	return strconv.FormatInt(n, 10)
}

func orNone(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

// sized are bytes for people.
func sized(n int64) string {
	value, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for value >= 1024 && i < len(units)-1 {
		value, i = value/1024, i+1
	}
	return fmt.Sprintf("%.1f %s", value, units[i])
}

const (
	// CapacityInterval is how often it is read: the size of the databases is the sum of
	// all their files.
	CapacityInterval = 10 * time.Minute
	// ShortCapacityInterval is how often while provisioning waits, so that it goes on soon
	// after there is room.
	ShortCapacityInterval = time.Minute
	// CapacitySilence is how old a reading may be; beyond it nobody knows how it stands.
	CapacitySilence = 3 * CapacityInterval
)

// Capacity is how it stands with a resource, as it was read last.
type Capacity struct {
	CapacityReading
	// ReadAt is zero, and all else unknown, where it was never read.
	ReadAt time.Time
	// Age is how long ago that was by the database's clock.
	Age time.Duration
	// Growth is by how much more is used each day, as the readings of the last two weeks
	// have it; nil while they are of less than a day.
	Growth *float64
	// ShortSince is since when provisioning waits for it; zero while there is room. Why is
	// the cause, as it was when that began.
	ShortSince time.Time
	Why        string
}

// DaysLeft is for how many days there is room until provisioning waits, if it goes on as
// it did; false where that is not known, or nothing grows.
func (c Capacity) DaysLeft() (float64, bool) {
	if c.Bound == nil || c.Growth == nil || *c.Growth <= 0 {
		return 0, false
	}
	return max(float64(c.Left()-c.Reserve()), 0) / *c.Growth, true
}

// Known reports whether it was read of late.
func (c Capacity) Known() bool { return !c.ReadAt.IsZero() && c.Age < CapacitySilence }

// WaitingFor is the shortage as what waits for it shows it.
func (c Capacity) WaitingFor() *WaitingFor {
	return &WaitingFor{
		Capacity: c.Resource, Dependency: c.Resource.Dependency(), Cause: c.Why, Since: c.ShortSince.UTC(),
		Message: "is waiting for capacity (" + string(c.Resource) + "), since " + c.ShortSince.UTC().Format(time.RFC3339) + ": " + c.Why +
			"; nobody need act on it: it goes on by itself when there is room",
	}
}

// WaitsForRoom reports whether an operation is not started while anything is short.
func (o Operation) WaitsForRoom() bool {
	return o.State == StatePending && slices.Contains(DeployingKinds(), o.Kind)
}
