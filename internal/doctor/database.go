package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tenant-provisioning/internal/tenant"
)

// Database tells facts about the database that the settings name. Each method asks
// a question of its own.
type Database interface {
	Server(ctx context.Context) (DatabaseServer, error)
	// Migrated fails where the control tables are not those that this program
	// needs, or cannot be written to. note says that they are of a newer version.
	Migrated(ctx context.Context) (note string, err error)
	// Restored tells whether the installation was restored from backups, and is live.
	Restored(ctx context.Context) (Restored, error)
	Login(ctx context.Context) (Login, error)
	Connections(ctx context.Context) (Connections, error)
	Locks(ctx context.Context) (Locks, error)
	Replication(ctx context.Context) (Replication, error)
	Disk(ctx context.Context) (DatabaseDisk, error)
	// Capacity is what a worker has read of what tenants take.
	Capacity(ctx context.Context) ([]tenant.Capacity, error)
	Clock(ctx context.Context) (Clock, error)
	Workers(ctx context.Context) (tenant.WorkerState, error)
}

// DatabaseServer is which server answers.
type DatabaseServer struct {
	Version string
	// Major is the version's first number.
	Major int
	// Name is the database's.
	Name    string
	Latency time.Duration
	// Encrypted tells that the connection is.
	Encrypted bool
	// SameMachine tells that the server is on this machine.
	SameMachine bool
}

// Plan is what is to run on the database.
type Plan struct {
	// Pool is DB_MAX_CONNS.
	Pool int
	// APIs and Workers are how many processes there are to be; 0: as many as there
	// are now, and at least one.
	APIs, Workers int
	// Place is what workers must be of, where that is known.
	Place tenant.WorkerPlace
	// Before tells that nothing runs yet.
	Before bool
}

// oldestDatabase is the first version whose roles and privileges are those that
// schemas of tenants are kept apart by.
const oldestDatabase = 15

// ExamineDatabase lists the checks.
func ExamineDatabase(db Database, p Plan) Subject {
	checks := []Check{
		{"tables", func(ctx context.Context) Verdict { return judgeTables(db.Migrated(ctx)) }},
		{"live", func(ctx context.Context) Verdict {
			return judge(ctx, db.Restored, "ask whether the installation is live", Restored.judge)
		}},
		{"rights", func(ctx context.Context) Verdict {
			return judge(ctx, db.Login, "ask for the login's rights", Login.judgeRights)
		}},
		{"password", func(ctx context.Context) Verdict {
			return judge(ctx, db.Login, "ask until when the login's password holds", Login.judgePassword)
		}},
		{"connections", func(ctx context.Context) Verdict {
			return judgeWith(ctx, db.Connections, "count connections", p, Connections.judge)
		}},
		{"locks", func(ctx context.Context) Verdict { return judge(ctx, db.Locks, "measure the lock table", Locks.judge) }},
		{"replication", func(ctx context.Context) Verdict {
			return judge(ctx, db.Replication, "ask for standbys", Replication.judge)
		}},
		{"disk", func(ctx context.Context) Verdict {
			return judge(ctx, db.Disk, "measure the database", DatabaseDisk.judge)
		}},
		{"capacity", func(ctx context.Context) Verdict {
			return judgeWith(ctx, db.Capacity, "read the capacity", p, judgeCapacity)
		}},
		{"clock", func(ctx context.Context) Verdict {
			return judge(ctx, db.Clock, "ask for the time", func(c Clock) Verdict { return c.judge("the database server's clock") })
		}},
		{"workers", func(ctx context.Context) Verdict {
			return judgeWith(ctx, db.Workers, "look for workers", p, judgeWorkers)
		}},
	}
	return Subject{Name: "database", Server: Check{"server", func(ctx context.Context) Verdict {
		s, err := db.Server(ctx)
		if err != nil {
			return unasked("PostgreSQL cannot be used", err, "check DB_HOST, DB_PORT, DB_USERNAME, DB_PASSWORD, DB_NAME and DB_SSLMODE: docs/runbooks/database-away.md")
		}
		return s.judge()
	}}, Checks: checks}
}

// judge asks for facts and judges them. A question that is refused is one about
// the database, which answers.
func judge[T any](ctx context.Context, ask func(context.Context) (T, error), doing string, of func(T) Verdict) Verdict {
	facts, err := ask(ctx)
	if err != nil {
		return unasked(doing, err, "the line \"server\" and \"tables\" of this subject say more, if they are no ok; else look into the server's log")
	}
	return of(facts)
}

func judgeWith[T, P any](ctx context.Context, ask func(context.Context) (T, error), doing string, with P, of func(T, P) Verdict) Verdict {
	return judge(ctx, ask, doing, func(facts T) Verdict { return of(facts, with) })
}

func (s DatabaseServer) judge() Verdict {
	found := fmt.Sprintf("PostgreSQL %s, database %s, answers in %s", s.Version, s.Name, brief(s.Latency))
	var wrong []Verdict
	if s.Major < oldestDatabase {
		wrong = append(wrong, fail(fmt.Sprintf("%s: versions before %d do not keep tenants apart as they must", found, oldestDatabase),
			fmt.Sprintf("upgrade the server to PostgreSQL %d or newer", oldestDatabase)))
	}
	if !s.Encrypted && !s.SameMachine {
		wrong = append(wrong, warn(found+": what is sent to it over the network is not encrypted", "set DB_SSLMODE=verify-full, and DB_SSLROOTCERT where its authority is a private one"))
	}
	return all(fine("%s", found), wrong...)
}

func judgeTables(note string, err error) Verdict {
	switch {
	case err != nil:
		return fail("the control tables cannot be used: "+words(err), "run: starter migrate (or do what the line says)")
	case note != "":
		return warn(note, "replace this program by the version that has migrated the database")
	}
	return fine("the control tables are those of this version, and can be written to")
}

func judgeWorkers(s tenant.WorkerState, p Plan) Verdict {
	w := s.Judge(p.Place)
	switch {
	case p.Before && w.Living == 0:
		return fine("no worker is running, as is expected before a deployment")
	case w.Trouble != "":
		return fail(w.Says, "docs/runbooks/"+w.Runbook)
	case len(w.Notes) > 0:
		return warn(strings.Join(w.Notes, "; "), "do what the workers say; their logs say more")
	}
	if w.Working == 0 {
		return warn("no worker of these settings takes work now: one is starting, has just ended, or work is done by those of a build that tells nothing of itself",
			"look again in a minute: docs/runbooks/no-worker.md")
	}
	return fine("%s %s work", count(w.Working, "worker"), verb(w.Working, "takes", "take"))
}

// brief rounds a time for people.
func brief(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "under 1 ms"
	case d < 10*time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return d.Round(time.Second).String()
}

// count is a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// size is bytes for people.
func size[T int64 | uint64](bytes T) string {
	value, units := float64(bytes), []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	i := 0
	for value >= 1024 && i < len(units)-1 {
		value, i = value/1024, i+1
	}
	if i == 0 || value >= 100 {
		return fmt.Sprintf("%.0f %s", value, units[i])
	}
	return fmt.Sprintf("%.1f %s", value, units[i])
}
