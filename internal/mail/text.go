package mail

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/bidi"
)

const (
	firstStrongIsolate = '\u2068'
	popIsolate         = '\u2069'
	zeroWidthSpace     = "\u200b"
)

// oneLine makes foreign text fit for a header and a sentence: one line, valid,
// without what would reorder or hide the text around it. Joiners stay: scripts
// and emoji need them.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return ' '
		case r == unicode.ReplacementChar, r == '\ufeff',
			r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// isolated keeps right-to-left text from reordering the sentence it stands in,
// where there is no markup to do it. Text that reads left to right is left as
// it is: old clients show the two marks as boxes.
func isolated(s string) string {
	for _, r := range s {
		properties, _ := bidi.LookupRune(r)
		switch properties.Class() {
		case bidi.R, bidi.AL, bidi.AN:
			return string(firstStrongIsolate) + s + string(popIsolate)
		}
	}
	return s
}

// linkLike is what mail programs turn into links by themselves.
var linkLike = regexp.MustCompile(`(?i)([\p{L}\p{N}])([.:@])([/\p{L}\p{N}])`)

// unlinked breaks text that a mail program would make a link of, so that a
// name cannot put a second link into a mail that people trust. The break is
// invisible.
func unlinked(s string) string {
	for {
		broken := linkLike.ReplaceAllString(s, "$1$2"+zeroWidthSpace+"$3")
		if broken == s {
			return s
		}
		s = broken // neighbours that overlapped
	}
}
