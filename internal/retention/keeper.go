package retention

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
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
)

// Rows are the logs in the database.
type Rows interface {
	// Old gives the logs of some operations that may leave.
	Old(ctx context.Context, age time.Duration, operations int) ([]tenant.Record, error)
	// Moved notes that an archive has these records, and deletes them.
	Moved(ctx context.Context, a tenant.LogArchive, records []tenant.Record) error
	// DeleteAudit deletes some entries of the audit log, and tells how many.
	DeleteAudit(ctx context.Context, age time.Duration, most int) (int, error)
}

// Store keeps objects.
type Store interface {
	// PutLogs keeps an object, and reads it back: when it returns no error, the store has
	// given back what it was given.
	PutLogs(ctx context.Context, name string, data []byte) error
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

// Run moves what is old, and deletes what is too old. It may be repeated and cut short at
// any time, and run at several places: a line is in the database until it is noted where
// else it is.
func (k *Keeper) Run(ctx context.Context, progress func(string)) (did string, err error) {
	moved, err := k.move(ctx, progress)
	if err != nil {
		return "", err
	}
	deleted := 0
	for {
		progress("the audit log")
		n, err := k.Rows.DeleteAudit(ctx, k.Audit, entriesAtOnce)
		deleted += n
		if err != nil {
			return "", err
		}
		if n < entriesAtOnce {
			break
		}
	}
	return fmt.Sprintf("moved %d lines of provisioning logs to the backup store, deleted %d entries of the audit log", moved, deleted), nil
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

// pack makes an object of records. Its name is that of what it has: a repeat after a crash
// replaces it.
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
	a.Name = fmt.Sprintf("%s/%d-%d-%x.ndjson.zst", a.From.UTC().Format("2006/01/02"), records[0].ID, records[len(records)-1].ID, a.SHA256[:4])
	return a, b.Bytes(), nil
}
