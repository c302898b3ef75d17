package postgres

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"tenant-provisioning/internal/tenant"
)

// A listing is what a cursor belongs to, with its filter: the next page of another one
// would leave out what nobody has seen.
type listing string

// listingOf names a listing by what it lists and its filter.
func listingOf(what ...string) listing {
	sum := sha256.Sum256([]byte(strings.Join(what, "\x00")))
	return listing(hex.EncodeToString(sum[:4]))
}

// cursor is the listing and the id of the last item of a page: ids are UUIDv7 and sort
// by time. It is encoded so that nobody builds one by hand.
func (l listing) cursor(id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte("after:" + string(l) + ":" + id))
}

// after reads a cursor; nil for the first page.
func (l listing) after(cursor string) (*string, error) {
	if cursor == "" {
		return nil, nil //nolint:nilnil // no cursor is a value here: the first page
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return nil, tenant.ErrBadCursor
	}
	text, ours := strings.CutPrefix(string(raw), "after:"+string(l)+":")
	id, err := tenant.ParseID(text)
	if err != nil || !ours {
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
func page[T any](l listing, items []T, limit int, id func(T) string) tenant.Page[T] {
	p := tenant.Page[T]{Items: items}
	if n := pageSize(limit); len(items) > n {
		p.Items = items[:n]
		p.NextCursor = l.cursor(id(items[n-1]))
	}
	return p
}
