package retention

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"tenant-provisioning/internal/tenant"
)

const (
	// operationsAtOnce are some thousands of lines: an object of a few hundred KiB, which a
	// reader of one day's logs reads whole.
	operationsAtOnce = 500
	// entriesAtOnce bounds what one statement deletes, so that none holds locks long.
	entriesAtOnce = 5000
	// leftBehind is how long after it was begun an object that nothing refers to is taken
	// for left there: far longer than a round may last (two hours), and shorter than the
	// time to the next.
	leftBehind = 12 * time.Hour
)

// Rows are the logs in the database.
type Rows interface {
	// Old gives the logs of some operations that may leave.
	Old(ctx context.Context, age time.Duration, operations int) ([]tenant.Record, error)
	// Begin notes that an object of this name may come to be in the store.
	Begin(ctx context.Context, name string) error
	// Moved notes that an archive that was begun has these records, and deletes them.
	Moved(ctx context.Context, a tenant.LogArchive, records []tenant.Record) error
	// Discard has an object removed that was begun so long ago and that nothing refers to,
	// and tells whether there was one.
	Discard(ctx context.Context, age time.Duration, remove func(ctx context.Context, name string) error) (bool, error)
	// DeleteAudit deletes some entries of the audit log, and tells how many.
	DeleteAudit(ctx context.Context, age time.Duration, most int) (int, error)
}

// Store keeps objects.
type Store interface {
	// PutLogs keeps an object, and reads it back: when it returns no error, the store has
	// given back what it was given.
	PutLogs(ctx context.Context, name string, data []byte) error
	// RemoveLogs removes an object, whole or in part; what is gone already is no error.
	RemoveLogs(ctx context.Context, name string) error
}

// Keeper keeps logs for as long as is set.
type Keeper struct {
	Rows Rows
	// Store is nil where there is no backup store: provisioning logs stay then.
	Store Store
	// Logs is for how long provisioning logs stay in the database, Audit for how long the
	// audit log is kept.
	Logs, Audit time.Duration
}

// Run moves what is old, deletes what is too old, and removes what rounds that were killed
// have left in the store. It may be repeated and cut short at any time, and run at several
// places: a line is in the database until it is noted where else it is.
func (k *Keeper) Run(ctx context.Context, progress func(string)) (did string, err error) {
	moved, err := k.move(ctx, progress)
	if err != nil {
		return "", err
	}
	deleted, err := k.deleteAudit(ctx, progress)
	if err != nil {
		return "", err
	}
	removed, err := k.discard(ctx, progress)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("moved %d lines of provisioning logs to the backup store, deleted %d entries of the audit log, removed %d objects that a round had left in the store", moved, deleted, removed), nil
}

func (k *Keeper) deleteAudit(ctx context.Context, progress func(string)) (deleted int, err error) {
	for {
		progress("the audit log")
		n, err := k.Rows.DeleteAudit(ctx, k.Audit, entriesAtOnce)
		if err != nil || n == 0 {
			return deleted, err
		}
		deleted += n
	}
}

func (k *Keeper) discard(ctx context.Context, progress func(string)) (removed int, err error) {
	for k.Store != nil {
		progress("objects that are left in the store")
		there, err := k.Rows.Discard(ctx, leftBehind, k.Store.RemoveLogs)
		if err != nil || !there {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

func (k *Keeper) move(ctx context.Context, progress func(string)) (moved int, err error) {
	for k.Store != nil {
		progress("provisioning logs")
		old, err := k.Rows.Old(ctx, k.Logs, operationsAtOnce)
		if err != nil || len(old) == 0 {
			return moved, err
		}
		archive, data, err := pack(old)
		if err != nil {
			return moved, err
		}
		if err := k.Rows.Begin(ctx, archive.Name); err != nil {
			return moved, err
		}
		if err := k.Store.PutLogs(ctx, archive.Name, data); err != nil {
			return moved, err
		}
		if err := k.Rows.Moved(ctx, archive, old); err != nil {
			return moved, err
		}
		moved += len(old)
	}
	return moved, nil
}

// pack makes an object of records. No other has its name, also not one of the same records
// that a round before has left: what is removed can be nothing that is referred to.
func pack(records []tenant.Record) (tenant.LogArchive, []byte, error) {
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b)
	if err != nil {
		return tenant.LogArchive{}, nil, fmt.Errorf("compress logs: %w", err)
	}
	a := tenant.LogArchive{Rows: len(records), From: records[0].At, To: records[0].At}
	lines := json.NewEncoder(w)
	for _, r := range records {
		if err := lines.Encode(r); err != nil {
			return a, nil, fmt.Errorf("write logs: %w", err)
		}
		if r.At.Before(a.From) {
			a.From = r.At
		}
		if r.At.After(a.To) {
			a.To = r.At
		}
	}
	if err := w.Close(); err != nil {
		return a, nil, fmt.Errorf("compress logs: %w", err)
	}
	a.Bytes, a.SHA256 = int64(b.Len()), sha256.Sum256(b.Bytes())
	a.Name = fmt.Sprintf("%s/%d-%d-%s.ndjson.zst", a.From.UTC().Format("2006/01/02"), records[0].ID, records[len(records)-1].ID, strings.ToLower(rand.Text()))
	return a, b.Bytes(), nil
}
