package doctor

import (
	"fmt"
	"strings"
	"time"

	"tenant-provisioning/internal/tenant"
)

const (
	// apiBeyond and workerBeyond are the connections that a process takes beside
	// its pool: one that listens for notifications, and a worker's four for work
	// on schemas.
	apiBeyond, workerBeyond = 1, 5
	// commandConnections are those of one run of starter.
	commandConnections = 8
)

// Connections are the server's, as far as they concern us.
type Connections struct {
	// Limit is how many the login may have: what max_connections leaves after the
	// reserved ones, or less where the role or the database has a limit of its own.
	Limit int
	// Max is max_connections.
	Max int
	// Others are open now and are not ours.
	Others int
	// APIs and Workers are how many machines processes of ours are connected from,
	// and how many workers live.
	APIs, Workers int
}

func (c Connections) judge(p Plan) Verdict {
	apis, workers := p.APIs, p.Workers
	if apis == 0 {
		apis = max(c.APIs, 1)
	}
	if workers == 0 {
		workers = max(c.Workers, 1)
	}
	needed := apis*(p.Pool+apiBeyond) + workers*(p.Pool+workerBeyond) + commandConnections
	sum := fmt.Sprintf("%s and %s of DB_MAX_CONNS=%d take up to %d connections, one starter's %d included; others have %d now; %d can be had (max_connections %d)",
		count(apis, "api"), count(workers, "worker"), p.Pool, needed, commandConnections, c.Others, c.Limit, c.Max)
	mend := fmt.Sprintf("lower DB_MAX_CONNS, run fewer processes (--apis, --workers), or raise max_connections by %d (the server restarts) with the limits of role and database",
		max(needed+c.Others-c.Limit, 1))
	switch {
	case needed > c.Limit:
		return fail(sum+": under load processes are refused", mend)
	case needed+c.Others > c.Limit:
		return warn(sum+": with the others under load processes are refused", mend)
	}
	return fine("%s", sum)
}

// Locks is the table of locks that all transactions of the server share.
type Locks struct {
	// PerTransaction is max_locks_per_transaction; Slots is what it comes to for
	// all connections.
	PerTransaction, Slots int
	// Connections is what it is multiplied by.
	Connections int
	// Tables are all that a dump of the whole database locks at once, in so many
	// schemas of tenants.
	Tables, Schemas int
	// PerSchema is how many of them a tenant has.
	PerSchema int
}

// reserve is how much further the lock table reaches than its size says, since it
// borrows what other shared memory leaves: measured, 12,889 tables where 6,400 fit.
const reserve = 2

func (l Locks) judge() Verdict {
	room := "no tenant has tables yet"
	if l.PerSchema > 0 {
		room = fmt.Sprintf("room for %d more tenants", max(l.Slots-l.Tables, 0)/l.PerSchema)
	}
	says := fmt.Sprintf("a dump of the whole database locks %d tables at once (%s of tenants), and the lock table holds %d", l.Tables, count(l.Schemas, "schema"), l.Slots)
	mend := fmt.Sprintf("set max_locks_per_transaction to %d (the server restarts), now %d; until then dump schema by schema (pg_dump -n)",
		(l.Tables*3/2)/max(l.Connections, 1)+1, l.PerTransaction)
	switch {
	case l.Tables > reserve*l.Slots: // tenants live on: a statement locks its own tables
		return warn(says+": pg_dump fails with \"out of shared memory\"", mend)
	case l.Tables > l.Slots:
		return warn(says+": pg_dump lives on memory that is not promised to it", mend)
	}
	return fine("%s: %s", says, room)
}

const (
	// lagSeen and lagBytes are what a standby is behind for no ordinary reason.
	lagSeen  = 30 * time.Second
	lagBytes = 256 << 20
	// slotBytes is what an abandoned slot may keep before it fills a disk one day.
	slotBytes = 1 << 30
)

// Replication is who follows the server.
type Replication struct {
	// Standbys follow now; Hidden are those of which this login is told nothing.
	Standbys, Hidden int
	// Behind and Bytes are of the one that is furthest behind.
	Behind time.Duration
	Bytes  int64
	// Idle are slots that nobody reads, and Kept what the server keeps for them.
	Idle []string
	Kept int64
}

func (r Replication) judge() Verdict {
	var wrong []Verdict
	if len(r.Idle) > 0 {
		idle := warn(fmt.Sprintf("nobody reads %s %q, for which the server keeps %s", verb(len(r.Idle), "the replication slot", "the replication slots"), r.Idle, size(r.Kept)),
			"start the standby again, or SELECT pg_drop_replication_slot('…'): what is kept for it fills the disk one day")
		if r.Kept > slotBytes {
			idle.State = Failure
		}
		wrong = append(wrong, idle)
	}
	if r.Hidden > 0 {
		wrong = append(wrong, warn(fmt.Sprintf("%s %s, and this login is not told how far behind", count(r.Hidden, "standby server"), verb(r.Hidden, "follows", "follow")),
			"GRANT pg_read_all_stats TO the user of DB_USERNAME, or look at pg_stat_replication as another"))
	}
	if r.Behind > lagSeen || r.Bytes > lagBytes {
		wrong = append(wrong, warn(fmt.Sprintf("a standby is behind by %s, %s: a failover now would lose that, or wait for it", brief(r.Behind), size(r.Bytes)),
			"see whether it is there, has room, and is reached fast enough (pg_stat_replication)"))
	}
	if r.Standbys == 0 {
		return all(fine("no standby follows"), wrong...)
	}
	return all(fine("%s %s, at most %s and %s behind", count(r.Standbys, "standby server"), verb(r.Standbys, "follows", "follow"), brief(r.Behind), size(r.Bytes)), wrong...)
}

// DatabaseDisk is what the database takes.
type DatabaseDisk struct {
	Bytes int64
	// Folder is where it is, on this machine; empty where that cannot be seen.
	Folder string
}

func (d DatabaseDisk) judge() Verdict {
	if d.Folder == "" {
		return fine("the database takes %s; how much room its disk has cannot be asked from here: watch it on the server (docs/runbooks/database-full.md)", size(d.Bytes))
	}
	r, err := roomAt(d.Folder)
	if err != nil {
		return fine("the database takes %s; the room in %s cannot be measured from here (%v): watch it on the server", size(d.Bytes), d.Folder, err)
	}
	return r.judge(fmt.Sprintf("the database takes %s; its disk", size(d.Bytes)), "docs/runbooks/database-full.md")
}

// roomSoon is how long people take to get more of what runs out.
const roomSoon = 14 * 24 * time.Hour

// judgeCapacity judges what a worker has read of what tenants take.
func judgeCapacity(read []tenant.Capacity, p Plan) Verdict {
	var found []string
	var wrong []Verdict
	for _, c := range read {
		switch says, mend := sayCapacity(c), "docs/runbooks/capacity.md"; {
		case !c.ShortSince.IsZero():
			wrong = append(wrong, fail("provisioning waits since "+c.ShortSince.UTC().Format(time.RFC3339)+": "+c.Why, mend))
		case c.ReadAt.IsZero() && p.Before:
		case c.ReadAt.IsZero():
			wrong = append(wrong, warn(fmt.Sprintf("%s: no worker has read it yet", c.Resource), "see that a worker runs, and what its log says: docs/runbooks/no-worker.md"))
		case !c.Known():
			wrong = append(wrong, warn(fmt.Sprintf("%s, as it was %s ago: no worker has read it since", says, c.Age.Round(time.Second)), "see that a worker runs, and what its log says: docs/runbooks/no-worker.md"))
		case soon(c):
			wrong = append(wrong, warn(says, mend))
		default:
			found = append(found, says)
		}
	}
	if len(found) == 0 {
		found = []string{"a worker reads it"}
	}
	return all(fine("%s", strings.Join(found, "; ")), wrong...)
}

func soon(c tenant.Capacity) bool {
	days, known := c.DaysLeft()
	return known && days*24 < roomSoon.Hours()
}

// sayCapacity says how it stands with a resource.
func sayCapacity(c tenant.Capacity) string {
	says := fmt.Sprintf("%s: %s", c.Resource, c.Resource.Amount(c.Used))
	if c.Resource == tenant.ResourceBalance {
		return fmt.Sprintf("%s: %s more than the transactions need that may be under way%s", c.Resource, c.Resource.Amount(c.Left()), sayDays(c))
	}
	if c.Bound == nil {
		return says + ", and nobody has set of how much (DB_DISK_BYTES)"
	}
	return says + " of " + c.Resource.Amount(*c.Bound) + sayDays(c)
}

func sayDays(c tenant.Capacity) string {
	if left, known := c.DaysLeft(); known {
		return fmt.Sprintf(", room for %.0f days as it grows now", left)
	}
	return ""
}
