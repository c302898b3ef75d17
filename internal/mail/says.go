package mail

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxSaid bounds what is kept of a provider's words, in characters.
	maxSaid = 200
	// maxHeard bounds what is looked at, in bytes.
	maxHeard = 4 << 10
	removed  = "[…]"
)

var (
	address = regexp.MustCompile(`[^\s<>:,;"]*(@|%40)[^\s<>:,;"]*`)
	webPath = regexp.MustCompile(`(?i)(https?://[^\s/?#]*)[/?#]\S*`)
	// longCode may be a key, or the secret part of a link.
	longCode = regexp.MustCompile(`[A-Za-z0-9_.+/=-]{32,}`)
	blanks   = regexp.MustCompile(regexp.QuoteMeta(removed) + `(?:[\s<>\[\]().,:;"']*` + regexp.QuoteMeta(removed) + `)+`)
)

// says quotes a provider, to go behind a reason; it is empty where nothing is
// left to quote. Reasons are stored and shown where nothing personal or secret
// may be: addresses, paths of links, long codes and whatever is private of the
// mail are taken out.
func says(said string, private ...string) string {
	said = oneLine(strings.ToValidUTF8(said[:min(len(said), maxHeard)], ""))
	said = webPath.ReplaceAllString(said, "$1/"+removed)
	said = address.ReplaceAllString(said, removed)
	said = longCode.ReplaceAllString(said, removed)
	for _, p := range private {
		said = without(said, p)
	}
	said = blanks.ReplaceAllString(strings.ReplaceAll(said, `"`, "'"), removed)
	if !strings.ContainsFunc(strings.ReplaceAll(said, removed, ""), unicode.IsLetter) {
		return ""
	}
	if runes := []rune(said); len(runes) > maxSaid {
		said = string(runes[:maxSaid]) + "…"
	}
	return `; it says: "` + said + `"`
}

// shortWord is how long a word may be and yet stand in another by chance.
const shortWord = 4

// without takes a word out, in capitals and in small letters. A short one is
// taken for itself only where it stands alone.
func without(said, word string) string {
	if utf8.RuneCountInString(word) < 2 {
		return said
	}
	pattern := `(?i)` + regexp.QuoteMeta(word)
	if utf8.RuneCountInString(word) <= shortWord {
		pattern = `(?i)(^|[^\p{L}\p{N}])` + regexp.QuoteMeta(word) + `($|[^\p{L}\p{N}])`
		alone := regexp.MustCompile(pattern)
		said = alone.ReplaceAllString(said, "${1}"+removed+"${2}")
		return alone.ReplaceAllString(said, "${1}"+removed+"${2}") // the blank between two was used up
	}
	return regexp.MustCompile(pattern).ReplaceAllString(said, removed)
}

// private is what must not be quoted of a mail: whom it is for.
func (m Message) private() []string {
	local, domain, _ := strings.Cut(m.To.Addr, "@")
	words := []string{m.To.Addr, domain, local, m.To.Name}
	words = append(words, strings.Fields(m.To.Name)...)
	words = append(words, strings.FieldsFunc(local, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })...)
	labels := strings.Split(domain, ".")
	return append(words, labels[:len(labels)-1]...)
}
