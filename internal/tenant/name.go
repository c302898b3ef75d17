package tenant

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Limits of a tenant's name, in characters (code points) after trimming.
const (
	MinNameLength = 3
	MaxNameLength = 100
)

// maxIdentifier is the longest identifier, in bytes, that PostgreSQL keeps
// whole (NAMEDATALEN - 1).
const maxIdentifier = 63

// CleanName trims a name and checks it: 3 to 100 characters, 3 of them to be
// seen, no control characters. Any script, quotes and emoji are fine.
func CleanName(name string) (string, *FieldError) {
	name = norm.NFC.String(trim(name))
	bad := func(msg string) (string, *FieldError) {
		return "", &FieldError{Field: "name", Message: msg}
	}
	if !utf8.ValidString(name) {
		return bad("must be valid UTF-8")
	}
	for _, r := range name {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return bad("must not contain control characters or line breaks")
		}
	}
	seen := visible(name)
	if strings.TrimSpace(name) != "" && seen == "" {
		return bad("must have visible characters: it has only spaces and characters that cannot be seen")
	}
	// What cannot be seen takes room, but makes no name longer.
	switch n := utf8.RuneCountInString(name); {
	case n < MinNameLength || n > MaxNameLength:
		return bad("must have 3 to 100 characters, not counting spaces around it")
	case utf8.RuneCountInString(seen) < MinNameLength:
		return bad("must have at least 3 characters that can be seen; spaces in a row count as one")
	}
	return name, nil
}

// trim takes spaces off both ends. Control characters among them stay, and are
// refused with the rest: a line break at the end of an address is one.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) && !unicode.IsControl(r) })
}

// Slug is the part of the name that is safe in an identifier: lower-case ASCII
// letters and digits joined by underscores. It is empty for a name of another
// script, which is fine: the id makes the schema's name unique.
func Slug(name string) string {
	var b strings.Builder
	gap := false
	for _, r := range norm.NFKD.String(strings.ToLower(name)) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			if gap && b.Len() > 0 {
				b.WriteByte('_')
			}
			gap = false
			b.WriteRune(r)
		case unicode.Is(unicode.Mn, r): // an accent taken off its letter
		default:
			gap = true
		}
	}
	return b.String()
}

// SchemaName names the tenant's schema and role: t_<slug>_<last 8 hex digits
// of the id>, or t_<8> when the slug is empty, at most 63 bytes. The last
// digits of a UUIDv7 are random; its first ones are the clock and collide.
func SchemaName(slug string, id ID) string {
	tail := string(id[len(id)-8:])
	if room := maxIdentifier - len("t__") - len(tail); len(slug) > room {
		slug = strings.TrimRight(slug[:room], "_")
	}
	if slug == "" {
		return "t_" + tail
	}
	return "t_" + slug + "_" + tail
}
