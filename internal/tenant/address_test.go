package tenant_test

import (
	"net/mail"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tenant-provisioning/internal/tenant"
)

// TestAddressesGoOutInTheirWireForm: every name that DNS can have, and
// international ones as Punycode.
func TestAddressesGoOutInTheirWireForm(t *testing.T) {
	t.Parallel()
	for address, wire := range map[string]string{
		"ada@hospital.example":                        "",
		"Ada@Hospital.Example":                        "",
		"a@b.co":                                      "",
		"o'hara_9%x@hospital.example":                 "",
		"ada+ward7@mail.st-mary.org":                  "",
		"{a}|b/c=d@hospital.example":                  "",
		"-ada@hospital.example":                       "",
		"ada@ab--cd.example":                          "", // the registries keep these labels for themselves, DNS does not
		"ada@xn--krankenhuser-ocb.de":                 "",
		"ada@xn--ls8h.la":                             "", // a pile of poo, which today's rules for domains refuse, and which is there
		"ada@3m.example":                              "",
		"ada@123.456.example":                         "",
		"ada@a--b.1--2.example":                       "",
		"ada@krankenhäuser.example":                   "ada@xn--krankenhuser-ncb.example",
		"ada@Straße.example":                          "ada@xn--strae-oqa.example",
		"ada@köln--x.example":                         "ada@xn--kln--x-wxa.example",
		"ada@मेल.भारत":                                "ada@xn--r2bi6d.xn--h2brj9c",
		"ada@hospital。example":                        "ada@hospital.example", // the full stop of Japan
		"ada@نامه\u200cای.example":                    "ada@xn--mgba3gch31f060k.example",
		strings.Repeat("a", 64) + "@a.b":              "",
		"ada@" + strings.Repeat("a", 63) + ".example": "",
	} {
		if wire == "" {
			wire = address
		}
		got, err := tenant.WireAddress(address)
		require.NoErrorf(t, err, "%q", address)
		require.Equal(t, wire, got)
		again, err := tenant.WireAddress(got)
		require.NoError(t, err)
		require.Equal(t, got, again)
	}
}

// TestWhatNobodySeesIsNamed, wherever it stands.
func TestWhatNobodySeesIsNamed(t *testing.T) {
	t.Parallel()
	for _, hidden := range []struct{ char, name string }{
		{"\u200b", "U+200B, an invisible character"}, {"\u200c", "U+200C, an invisible character"}, {"\u200d", "U+200D, an invisible character"},
		{"\u200e", "U+200E, an invisible character"}, {"\u202e", "U+202E, an invisible character"}, {"\u2066", "U+2066, an invisible character"},
		{"\u2060", "U+2060, an invisible character"}, {"\ufeff", "U+FEFF, an invisible character"}, {"\u00ad", "U+00AD, an invisible character"},
		{"\u034f", "U+034F, an invisible character"}, {"\u3164", "U+3164, an invisible character"}, {"\u115f", "U+115F, an invisible character"},
		{"\u180e", "U+180E, an invisible character"}, {"\ufe0f", "U+FE0F, an invisible character"}, {"\u2800", "U+2800, an invisible character"},
		{"\U000e0041", "U+E0041, an invisible character"}, {"\u061c", "U+061C, an invisible character"},
		{"\u00a0", "U+00A0, a kind of space"}, {"\u202f", "U+202F, a kind of space"}, {"\u3000", "U+3000, a kind of space"},
		{"\u2028", "U+2028, a kind of space"}, {"\u0085", "U+0085, a control character"}, {"\n", "U+000A, a control character"},
		{"\x00", "U+0000, a control character"}, {"\x7f", "U+007F, a control character"},
	} {
		for _, address := range []string{"a" + hidden.char + "da@hospital.example", "ada@hos" + hidden.char + "pital.example", "ada@hospital" + hidden.char + ".example"} {
			_, err := tenant.WireAddress(address)
			require.ErrorContains(t, err, "must not contain "+hidden.name, "%+q", address)
		}
	}
}

// TestWhatNoTransportCarriesIsRefused in words that say which part it is.
func TestWhatNoTransportCarriesIsRefused(t *testing.T) {
	t.Parallel()
	for address, words := range map[string]string{
		"ädä@hospital.example":                        "U+00E4",
		"\u0430da@hospital.example":                   "U+0430", // looks like an a
		"ａda@hospital.example":                        "only ASCII letters, digits and signs before the @",
		"李@hospital.example":                          "before the @",
		"ada＠hospital.example":                        "plain e-mail address",
		`"ada"@hospital.example`:                      "plain e-mail address",
		"ada@hos_pital.example":                       "domain that DNS can have",
		"ada@hos_pital.köln.example":                  "domain that DNS can have",
		"ada@-köln.example":                           "domain that DNS can have",
		"ada@köln-.example":                           "domain that DNS can have",
		"ada@köln.example.":                           "domain that DNS can have",
		"ada@hospital.example.":                       "domain that DNS can have",
		"ada@localhost":                               "domain that DNS can have",
		"ada@hospital.123":                            "domain that DNS can have",
		"ada@㏂.example":                               "domain that DNS can have",
		"ada@" + strings.Repeat("a", 64) + ".example": "domain that DNS can have",
		"ada@" + strings.Repeat("ä", 60) + ".example": "domain that DNS can have", // too long as Punycode
		strings.Repeat("a", 65) + "@hospital.example": "64 characters before the @ and 254 in all",
		strings.Repeat("a", 60) + "@" + strings.Repeat("ä23456789.", 11) + "example": "64 characters before the @ and 254 in all", // 189 as typed
	} {
		_, err := tenant.WireAddress(address)
		require.ErrorContains(t, err, words, "%+q", address)
	}
}

// TestWhatIsTakenCanBeSent: plain ASCII, one address, as the strictest relay
// wants it.
func TestWhatIsTakenCanBeSent(t *testing.T) {
	t.Parallel()
	parts := rapid.SampledFrom([]string{"a", "ä", "@", ".", "-", "--", "xn--", "b.example", "köln", "例え", "\u200b", "\u200d", "。", "_", "1", "\"", "<", " ", "(x)"})
	rapid.Check(t, func(t *rapid.T) {
		address := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOfN(parts, 1, 9), func(p []string) string { return strings.Join(p, "") })).Draw(t, "address")
		wire, err := tenant.WireAddress(address)
		if err != nil {
			return
		}
		parsed, err := mail.ParseAddress(wire)
		if err != nil || parsed.Address != wire || len(wire) > tenant.MaxEmailLength || strings.ContainsFunc(wire, func(r rune) bool { return r > unicode.MaxASCII || r <= ' ' }) {
			t.Fatalf("%q goes out as %q", address, wire)
		}
	})
}
