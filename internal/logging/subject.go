package logging

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// subject is what the lines of a context are about. It may be learnt as the work
// goes on, by whoever learns it, and is known to all that share the context.
type subject struct {
	mu    sync.Mutex
	attrs []slog.Attr
}

type subjectKey struct{}

// With makes a context whose lines have these attributes too, beside those of the
// context that it is made of.
func With(ctx context.Context, attrs ...slog.Attr) context.Context {
	s := &subject{attrs: noted(ctx)}
	s.note(attrs)
	return context.WithValue(ctx, subjectKey{}, s)
}

// Note adds to what the lines of a context are about, from now on and for all who
// have the context that With made. Without one nothing happens. An empty text is
// not noted.
func Note(ctx context.Context, attrs ...slog.Attr) {
	if s, ok := ctx.Value(subjectKey{}).(*subject); ok {
		s.note(attrs)
	}
}

func (s *subject) note(attrs []slog.Attr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range attrs {
		if a.Value.Kind() == slog.KindString && a.Value.String() == "" {
			continue
		}
		at := slices.IndexFunc(s.attrs, func(b slog.Attr) bool { return b.Key == a.Key })
		if at < 0 {
			s.attrs = append(s.attrs, a)
		} else {
			s.attrs[at] = a
		}
	}
}

// noted is a copy, which the caller may add to.
func noted(ctx context.Context) []slog.Attr {
	s, ok := ctx.Value(subjectKey{}).(*subject)
	if !ok {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.attrs)
}

// Noted is what a context knows of these keys, as pairs of key and value: for a
// logger that is not asked with the context.
func Noted(ctx context.Context, keys ...string) []any {
	var pairs []any
	for _, a := range noted(ctx) {
		if slices.Contains(keys, a.Key) {
			pairs = append(pairs, a.Key, a.Value.Any())
		}
	}
	return pairs
}

// Actor is who asks, as KeyActor shows it: the subject of the token, unless that
// is a mail address. Of an address only a digest is shown, the first 16
// hexadecimal digits of its SHA-256, by which audit_log finds the person.
func Actor(name string) slog.Attr {
	if strings.ContainsRune(name, '@') {
		sum := sha256.Sum256([]byte(name))
		name = "sha256:" + hex.EncodeToString(sum[:8])
	}
	return slog.String(KeyActor, name)
}
