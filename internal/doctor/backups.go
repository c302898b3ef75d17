package doctor

import (
	"context"
	"fmt"
	"time"

	"tenant-provisioning/internal/tenant"
)

// BackupStore tells facts about where backups go.
type BackupStore interface {
	// Place lists the store, and fails where it is away or refuses that.
	Place(ctx context.Context) (BackupPlace, error)
}

// BackupPlace is where backups go.
type BackupPlace struct {
	// Name is a folder, or a bucket with its server.
	Name    string
	Latency time.Duration
	// Folder is set where it is one.
	Folder string
	// Versions tells that what is deleted there is kept, and Hidden that this key is not
	// told whether it is.
	Versions, Hidden bool
}

// BackupAges tells how old backups are.
type BackupAges interface {
	Backups(ctx context.Context) (tenant.StandingBackups, error)
}

const backupRunbook = "docs/runbooks/backup-failed.md"

// ExamineBackups lists the checks. store is nil where there is no BACKUP_URL, and ages
// where nobody can be asked.
func ExamineBackups(store BackupStore, ages BackupAges) Subject {
	s := Subject{Name: "backups", Checks: []Check{{"store", func(ctx context.Context) Verdict { return judgeStore(ctx, store) }}}}
	if store != nil {
		s.Checks = append(s.Checks, Check{"versions", func(ctx context.Context) Verdict {
			p, err := store.Place(ctx)
			if err != nil {
				return fine("the store cannot be asked; the line above says why")
			}
			return p.judgeVersions()
		}})
	}
	if ages != nil {
		s.Checks = append(s.Checks, Check{"age", func(ctx context.Context) Verdict {
			return judge(ctx, ages.Backups, "ask how old the backups are", func(b tenant.StandingBackups) Verdict { return judgeBackupAges(b, store != nil) })
		}})
	}
	return s
}

func judgeStore(ctx context.Context, store BackupStore) Verdict {
	if store == nil {
		return warn("BACKUP_URL is not set: no backups are made", "set it with BACKUP_RECIPIENTS and BACKUP_SIGNING_KEY (docs/OPERATIONS.md, Back up), or see that somebody else makes them")
	}
	p, err := store.Place(ctx)
	if err != nil {
		return unasked("the backup store cannot be used", err, "check BACKUP_URL, BACKUP_ACCESS_KEY and BACKUP_SECRET_KEY: "+backupRunbook)
	}
	if p.Folder == "" {
		return fine("%s answers in %s", p.Name, brief(p.Latency))
	}
	at, err := existing(p.Folder) // workers make it, as far as they may
	if err == nil {
		err = tryWriting(at)
	}
	if err != nil {
		return fail(fmt.Sprintf("backups cannot be written to %s by this user: %v", p.Folder, err), "make it a folder that the workers' user may write to (chown, and a volume)")
	}
	r, err := roomAt(at)
	if err != nil {
		return fine("%s can be written to; its room cannot be measured (%v)", p.Name, err)
	}
	return r.judge(p.Name+" can be written to; its disk", "give backups a larger disk, or a bucket: "+backupRunbook)
}

func (p BackupPlace) judgeVersions() Verdict {
	switch {
	case p.Hidden:
		return fine("this key is not told whether the bucket keeps old versions; see that it does not for keys/")
	case p.Versions:
		return warn("the bucket keeps old versions: a purge deletes a tenant's key and backups, and whoever may read old versions can still read them",
			"suspend versioning, and delete the old versions under keys/ and tenants/; or have them expire, and count a purge from then")
	}
	return fine("what is deleted is gone: no old versions are kept")
}

func judgeBackupAges(b tenant.StandingBackups, wanted bool) Verdict {
	if !b.Made {
		if wanted {
			return warn("no backup was ever asked for", "starter backup --wait; and see that starter setup has scheduled the daily one")
		}
		return fine("none was ever asked for")
	}
	var wrong []Verdict
	if b.Broken > 0 {
		wrong = append(wrong, fail(fmt.Sprintf("%s not what %s made as: somebody has changed the store", verbs(b.Broken, "backup is", "backups are"), verb(b.Broken, "it was", "they were")), backupRunbook))
	}
	if b.Control > tenant.BackupsTooOld {
		wrong = append(wrong, fail(fmt.Sprintf("the last good backup of the control tables is %s old", brief(b.Control)), backupRunbook))
	}
	if b.Late > 0 {
		wrong = append(wrong, fail(fmt.Sprintf("%s no good backup of the last %s; the oldest that is needed is %s old",
			verbs(b.Late, "tenant has", "tenants have"), brief(tenant.BackupsTooOld), brief(b.Oldest)), backupRunbook))
	}
	return all(fine("the last good backup of the control tables is %s old, the oldest of the tenants' %s", brief(b.Control), brief(b.Oldest)), wrong...)
}

// verbs is a number with a noun and its verb.
func verbs(n int, one, many string) string { return fmt.Sprintf("%d %s", n, verb(n, one, many)) }
