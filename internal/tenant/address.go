package tenant

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Limits of an address, in bytes as it goes to a mail server: 254 is the
// longest that fits an SMTP path and 64 the longest local part (RFC 5321,
// 4.5.3.1).
const (
	MaxEmailLength      = 254
	maxEmailLocalLength = 64
)

// errAddress is an address with nothing that could be named for it.
var errAddress = errors.New("must be a plain e-mail address such as ada@hospital.example")

// WireAddress gives an address the form in which every transport carries it: an
// international domain as Punycode. It is the one rule for addresses, of tenants
// and of settings: what it takes can be sent, over SMTP without extensions as
// through SendGrid. The error says what the address must be, and names a
// character that nobody sees; it holds nothing else of the address.
func WireAddress(address string) (string, error) {
	if !utf8.ValidString(address) {
		return "", errors.New("must be valid UTF-8")
	}
	at := strings.LastIndexByte(address, '@')
	local, domain := address[:max(at, 0)], address[at+1:]
	if err := checkSeen(local, domain); err != nil {
		return "", err
	}
	if at < 1 || strings.ContainsAny(address, " \"(),:;<>[\\]") {
		return "", errAddress
	}
	if err := checkLocalPart(local); err != nil {
		return "", err
	}
	domain, err := wireDomain(domain)
	if err != nil {
		return "", err
	}
	wire := local + "@" + domain
	if len(local) > maxEmailLocalLength || len(wire) > MaxEmailLength {
		return "", fmt.Errorf("must not have more than %d characters before the @ and %d in all, with its domain as Punycode", maxEmailLocalLength, MaxEmailLength)
	}
	// Dots stand between other characters, and there is one @.
	if parsed, err := mail.ParseAddress(wire); err != nil || parsed.Address != wire || parsed.Name != "" {
		return "", errAddress
	}
	return wire, nil
}

// checkSeen names the first character that nobody sees. A joiner may belong into
// the domain, as scripts of Persia and India write it: the rules for domains
// decide.
func checkSeen(local, domain string) error {
	unseen := func(r rune) bool { return r != ' ' && invisibleInAddress(r) }
	hidden := strings.IndexFunc(local, unseen)
	text := local
	if hidden < 0 {
		hidden, text = strings.IndexFunc(domain, func(r rune) bool { return unseen(r) && !unicode.Is(unicode.Join_Control, r) }), domain
	}
	if hidden < 0 {
		return nil
	}
	return hiddenError(text[hidden:])
}

func hiddenError(from string) error {
	r, _ := utf8.DecodeRuneInString(from)
	what := "an invisible character"
	switch {
	case unicode.IsControl(r):
		what = "a control character"
	case unicode.IsSpace(r):
		what = "a kind of space"
	}
	return fmt.Errorf("must not contain %U, %s", r, what)
}

// invisibleInAddress reports what leaves nothing on the screen, or changes how
// the text around it is shown.
func invisibleInAddress(r rune) bool {
	return unicode.IsControl(r) || unicode.IsSpace(r) || r == '\u2800' || // the Braille pattern without dots
		unicode.In(r, unicode.Cf, unicode.Zs, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// checkLocalPart refuses what only a server with SMTPUTF8 carries, and SendGrid
// does not.
func checkLocalPart(local string) error {
	for _, r := range local {
		if r > unicode.MaxASCII {
			return fmt.Errorf("must have only ASCII letters, digits and signs before the @, since mail servers carry no others there; %U is another", r)
		}
	}
	return nil
}

// internationalDomains are mapped as browsers do, without deviations of the
// year 2003. Two hyphens in the third and fourth place are a registry's rule and
// not one of DNS.
var internationalDomains = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.CheckJoiners(true), idna.CheckHyphens(false), idna.Transitional(false))

var errDomain = errors.New("must be a plain e-mail address such as ada@hospital.example, with the full name of a domain that DNS can have after the @")

// wireDomain gives the domain its form in DNS. One that is ASCII has it: whether
// its Punycode means anything is its owner's affair.
func wireDomain(domain string) (string, error) {
	wire := domain
	if strings.ContainsFunc(domain, func(r rune) bool { return r > unicode.MaxASCII }) {
		var err error
		if wire, err = internationalDomains.ToASCII(domain); err != nil {
			if hidden := strings.IndexFunc(domain, func(r rune) bool { return unicode.Is(unicode.Join_Control, r) }); hidden >= 0 {
				return "", hiddenError(domain[hidden:])
			}
			return "", errDomain
		}
		// Punycode would hide a hyphen at the end of a label.
		if shown, err := internationalDomains.ToUnicode(domain); err != nil || !hyphensInside(shown) {
			return "", errDomain
		}
	}
	if !isHostname(wire) {
		return "", errDomain
	}
	return wire, nil
}

// isHostname accepts dotted names of at least two labels of letters, digits and
// hyphens; an address at a bare host or an IP literal can't be a hospital's.
func isHostname(domain string) bool {
	labels := strings.Split(domain, ".")
	if len(labels) < 2 || len(domain) > 253 || !hyphensInside(domain) {
		return false
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || strings.ContainsFunc(l, func(r rune) bool { return r != '-' && !isLetter(r) && (r < '0' || r > '9') }) {
			return false
		}
	}
	return strings.ContainsFunc(labels[len(labels)-1], isLetter)
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

// hyphensInside reports whether no label begins or ends with a hyphen.
func hyphensInside(domain string) bool {
	for l := range strings.SplitSeq(domain, ".") {
		if strings.HasPrefix(l, "-") || strings.HasSuffix(l, "-") {
			return false
		}
	}
	return true
}
