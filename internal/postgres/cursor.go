package postgres

import (
	"encoding/base64"

	"tenant-provisioning/internal/tenant"
)

// A cursor is the id of the last item of a page: ids are UUIDv7 and sort by
// time. It is encoded so that nobody builds one by hand.
func encodeCursor(id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte("after:" + id))
}

// decodeCursor returns nil for the first page.
func decodeCursor(cursor string) (*string, error) {
	if cursor == "" {
		return nil, nil //nolint:nilnil // no cursor is a value here: the first page
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) < len("after:") || string(raw[:len("after:")]) != "after:" {
		return nil, tenant.ErrBadCursor
	}
	id, err := tenant.ParseID(string(raw[len("after:"):]))
	if err != nil {
		return nil, tenant.ErrBadCursor
	}
	s := string(id)
	return &s, nil
}

func pageSize(limit int) int {
	if limit <= 0 {
		return tenant.DefaultPageSize
	}
	return min(limit, tenant.MaxPageSize)
}

// page cuts the item that was read beyond the limit, to know whether there is
// a next page.
func page[T any](items []T, limit int, id func(T) string) tenant.Page[T] {
	p := tenant.Page[T]{Items: items}
	if n := pageSize(limit); len(items) > n {
		p.Items = items[:n]
		p.NextCursor = encodeCursor(id(items[n-1]))
	}
	return p
}
