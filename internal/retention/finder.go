package retention

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"

	"tenant-provisioning/internal/tenant"
)

// maxUnpacked bounds what an object may become: far more than its lines do.
const maxUnpacked = 256 << 20

// ErrAltered is an object that is not what was written.
var ErrAltered = errors.New("the backup store has other logs than were moved there")

// ErrNoStore is logs that lie where this process cannot look.
var ErrNoStore = errors.New("no backup store is set here (BACKUP_URL)")

// Catalogue is the logs that the database has, and where the others are.
type Catalogue interface {
	In(ctx context.Context, q tenant.RecordQuery, after tenant.RecordPosition, most int) ([]tenant.Record, error)
	Archives(ctx context.Context, since, until time.Time) ([]tenant.LogArchive, error)
}

// Archives reads the objects of the store.
type Archives interface {
	Logs(ctx context.Context, name string) ([]byte, error)
}

// Finder finds logs, wherever they are.
type Finder struct {
	Catalogue Catalogue
	// Archives is nil where no store is set.
	Archives Archives
}

// Find gives a page of the records that are asked for, the earliest first: each once,
// wherever it is and wherever it goes meanwhile.
func (f *Finder) Find(ctx context.Context, q tenant.RecordQuery) (page tenant.Page[tenant.Record], err error) {
	after, err := tenant.ParseRecordCursor(q.Cursor)
	if err != nil {
		return page, err
	}
	// The archives are listed last: what is moved meanwhile is found twice, and not missed.
	most := q.Limit + 1
	found, err := f.Catalogue.In(ctx, q, after, most)
	if err != nil {
		return page, err
	}
	archives, err := f.Catalogue.Archives(ctx, q.Since, q.Until)
	if err != nil {
		return page, err
	}
	for _, a := range archives {
		if a.To.Before(after.At) || len(found) == most && a.From.After(found[most-1].At) {
			continue // all of it comes before this page, or after it
		}
		records, err := f.read(ctx, a)
		if err != nil {
			return page, &tenant.UnavailableError{Reason: "logs of that time lie in the backup store, and cannot be read", Err: err}
		}
		for _, r := range records {
			if q.Has(r) && r.Position().Compare(after) > 0 {
				found = append(found, r)
			}
		}
		found = inOrder(found)
		found = found[:min(len(found), most)]
	}
	if len(found) == most {
		found = found[:q.Limit]
		page.NextCursor = found[q.Limit-1].Position().Cursor()
	}
	page.Items = found
	return page, nil
}

// inOrder sorts records, and leaves out those that are there twice.
func inOrder(records []tenant.Record) []tenant.Record {
	slices.SortStableFunc(records, func(a, b tenant.Record) int { return a.Position().Compare(b.Position()) })
	return slices.CompactFunc(records, func(a, b tenant.Record) bool { return a.Source == b.Source && a.ID == b.ID })
}

func (f *Finder) read(ctx context.Context, a tenant.LogArchive) ([]tenant.Record, error) {
	if f.Archives == nil {
		return nil, ErrNoStore
	}
	data, err := f.Archives.Logs(ctx, a.Name)
	if err != nil {
		return nil, err
	}
	if int64(len(data)) != a.Bytes || sha256.Sum256(data) != a.SHA256 {
		return nil, fmt.Errorf("%w: %s", ErrAltered, a.Name)
	}
	unpacked, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("read logs %s: %w", a.Name, err)
	}
	defer unpacked.Close()
	lines := json.NewDecoder(io.LimitReader(unpacked, maxUnpacked))
	records := make([]tenant.Record, 0, a.Rows)
	for {
		r := tenant.Record{Archived: true}
		err := lines.Decode(&r)
		if errors.Is(err, io.EOF) {
			return records, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read logs %s: %w", a.Name, err)
		}
		records = append(records, r)
	}
}
