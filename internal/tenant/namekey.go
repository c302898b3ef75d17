package tenant

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// NameKey is the form in which two names are compared: without what cannot be
// seen, each run of white space one space, and case and compatible forms (full
// width, ligatures, superscripts) folded. It is unique among tenants that are
// not FAILED, ARCHIVED or DELETED, and empty for a name of which nothing can be
// seen.
func NameKey(name string) string {
	// A form that is folded may hold what is to be folded again: a fraction of
	// full width, or a letter whose accent stood behind an invisible character.
	// The names of Unicode need two rounds.
	for range maxFoldings {
		folded := norm.NFKC.String(foldCase(norm.NFKC.String(visible(name))))
		if folded == name {
			break
		}
		name = folded
	}
	return name
}

// maxFoldings ends the folding of whatever a later version of Unicode may bring.
const maxFoldings = 5

// foldCase takes the case away. The library swaps the two cases of Cherokee
// instead, so it gets one of them only.
func foldCase(s string) string {
	return cases.Fold().String(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cherokee, r) {
			return unicode.ToUpper(r)
		}
		return r
	}, s))
}

// visible is what a reader sees of a name: white space is as wide as one space,
// and none at either end.
func visible(name string) string {
	shown := strings.Map(func(r rune) rune {
		if invisible(r) {
			return -1
		}
		return r
	}, name)
	return strings.Join(strings.FieldsFunc(shown, blank), " ")
}

// brailleBlank is a braille cell without dots, which is the space of braille.
const brailleBlank = '\u2800'

func blank(r rune) bool { return unicode.IsSpace(r) || r == brailleBlank }

// invisible reports characters that leave nothing on the screen: Unicode's
// Default_Ignorable_Code_Point and the other format characters. Joiners are
// among them, though they shape letters and emoji: two names that differ by
// nothing else are too alike. The signs of category Cf that are drawn around
// digits are not.
func invisible(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) &&
		!unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// Alike is a tenant whose name looks like the one of another, from the time
// before such names were refused. Nobody else can take either.
type Alike struct {
	ID         ID     `json:"tenantId"`
	Name       string `json:"name"`
	Holder     ID     `json:"holderId"`
	HolderName string `json:"holderName"`
}
