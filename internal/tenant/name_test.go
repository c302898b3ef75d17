package tenant_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"tenant-provisioning/internal/tenant"
)

func TestNamesThatAreTaken(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"abc":                             "abc",
		"  St. Mary's  ":                  "St. Mary's",
		"\u00a0Charité\u3000":             "Charité",
		`"; DROP SCHEMA public; --`:       `"; DROP SCHEMA public; --`,
		"SELECT":                          "SELECT",
		"🏥🏥🏥":                             "🏥🏥🏥",
		"מרכז רפואי שיבא":                 "מרכז רפואי שיבא",
		"北京协和医院":                          "北京协和医院",
		"Cafe\u0301 Clinic":               "Café Clinic",
		"a b":                             "a b",
		strings.Repeat("x", 100):          strings.Repeat("x", 100),
		strings.Repeat("🏥", 100):          strings.Repeat("🏥", 100),
		" " + strings.Repeat("y", 100):    strings.Repeat("y", 100),
		"👩\u200d⚕️ Dr. Zero-Width Joiner": "👩\u200d⚕️ Dr. Zero-Width Joiner",
	} {
		got, bad := tenant.CleanName(given)
		require.Nilf(t, bad, "%q", given)
		require.Equal(t, want, got)
	}
}

func TestNamesThatAreRefused(t *testing.T) {
	t.Parallel()
	for what, given := range map[string]string{
		"nothing":                 "",
		"two characters":          "ab",
		"two after trimming":      "   ab   ",
		"101 characters":          strings.Repeat("x", 101),
		"101 of four bytes":       strings.Repeat("🏥", 101),
		"only spaces":             "          ",
		"only other spaces":       "\u00a0\u2003\u3000\u00a0",
		"only invisible":          "\u200b\u200d\u2060\ufeff",
		"NUL":                     "abc\x00def",
		"NUL at the end":          "abcdef\x00",
		"a line break":            "abc\ndef",
		"a line break at the end": "abcdef\n",
		"CR LF at the end":        "abcdef\r\n",
		"a tab":                   "abc\tdef",
		"a tab at the start":      "\tabcdef",
		"escape":                  "abc\x1b[31m",
		"delete":                  "abc\x7f",
		"a C1 control":            "abc\u0085def",
		"a line separator":        "abc\u2028def",
		"a paragraph separator":   "abc\u2029def",
		"broken UTF-8":            "abc\xff\xfe",
	} {
		got, bad := tenant.CleanName(given)
		require.NotNil(t, bad, what)
		require.Empty(t, got, what)
		require.Equal(t, "name", bad.Field)
		require.NotEmpty(t, bad.Message)
	}
}

// TestACleanNameIsClean: what is taken keeps all the rules, and cleaning it
// again changes nothing.
func TestACleanNameIsClean(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		given := rapid.String().Draw(t, "name")
		name, bad := tenant.CleanName(given)
		if bad != nil {
			return
		}
		n := utf8.RuneCountInString(name)
		if !utf8.ValidString(name) || n < 3 || n > 100 || strings.TrimSpace(name) != name ||
			strings.ContainsFunc(name, unicode.IsControl) || !norm.NFC.IsNormalString(name) {
			t.Fatalf("%q was taken as %q", given, name)
		}
		again, bad := tenant.CleanName(name)
		if bad != nil || again != name {
			t.Fatalf("%q became %q, %v", name, again, bad)
		}
	})
}

// cased is letters that have a case without peculiarities, and what goes
// between them.
var cased = rapid.StringOfN(rapid.RuneFrom([]rune("abzAZ éÉüÜñÑøØßжЖλΛωΩ09.'-")), 3, 60, -1)

func TestNamesThatCountAsTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := cased.Draw(t, "name")
		key := tenant.NameKey(name)
		for how, same := range map[string]string{
			"upper case": strings.ToUpper(name),
			"lower case": strings.ToLower(name),
			"trimmed":    strings.TrimSpace(name),
			"padded":     " \u00a0" + name + "  ",
			"decomposed": norm.NFD.String(name),
			"composed":   norm.NFC.String(name),
			"its key":    key,
		} {
			if got := tenant.NameKey(same); got != key {
				t.Fatalf("%s: %q has key %q, %q has %q", how, name, key, same, got)
			}
		}
	})
	require.Equal(t, tenant.NameKey("Straße"), tenant.NameKey("STRASSE"))
	require.Equal(t, tenant.NameKey("Νοσοκομείο Αγίας Όλγας"), tenant.NameKey("ΝΟΣΟΚΟΜΕΊΟ ΑΓΊΑΣ ΌΛΓΑΣ"), "final sigma")
}

func TestNamesThatDiffer(t *testing.T) {
	t.Parallel()
	keys := map[string]string{}
	for _, name := range []string{
		"St. Mary", "St Mary", "St. Mary's", "Saint Mary", "St. Marý", "St.  Mary", "Санкт Мария", "圣玛丽", "🏥 St. Mary",
	} {
		require.NotContains(t, keys, tenant.NameKey(name), name)
		keys[tenant.NameKey(name)] = name
	}
}

func TestSlug(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"St. Mary's Hospital":    "st_mary_s_hospital",
		"Charité – Berlin":       "charite_berlin",
		"  --Ward 7--  ":         "ward_7",
		"ＦＵＬＬ ｗｉｄｔｈ":             "full_width",
		"北京协和医院":                 "",
		"🏥🏥🏥":                    "",
		`a";DROP SCHEMA public;`: "a_drop_schema_public",
		"Łódź":                   "odz", // the stroke of Ł is no accent that can be taken off
	} {
		require.Equalf(t, want, tenant.Slug(name), "%q", name)
	}
}

var (
	slugForm   = regexp.MustCompile(`^([a-z0-9]+(_[a-z0-9]+)*)?$`)
	schemaForm = regexp.MustCompile(`^t_([a-z0-9]+(_[a-z0-9]+)*_)?[0-9a-f]{8}$`)
)

// TestEverySchemaNameIsAnIdentifier: whatever the tenant is called, PostgreSQL
// keeps the name whole (63 bytes) and it needs no quoting.
func TestEverySchemaNameIsAnIdentifier(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.String(), cased, rapid.StringMatching(`[a-z _]{50,100}`)).Draw(t, "name")
		id, err := tenant.NewID()
		if err != nil {
			t.Fatal(err)
		}
		slug := tenant.Slug(name)
		if !slugForm.MatchString(slug) {
			t.Fatalf("%q has slug %q", name, slug)
		}
		schema := tenant.SchemaName(slug, id)
		if !schemaForm.MatchString(schema) || len(schema) > 63 || !strings.HasSuffix(schema, string(id[28:])) {
			t.Fatalf("%q has schema %q, id %s", name, schema, id)
		}
	})
}

// TestTheLastDigitsTellSchemasApart: with any two names, also with the same,
// two ids that differ in their last eight digits make two schemas.
func TestTheLastDigitsTellSchemasApart(t *testing.T) {
	t.Parallel()
	tail := rapid.StringMatching(`[0-9a-f]{8}`)
	rapid.Check(t, func(t *rapid.T) {
		one, two := tail.Draw(t, "one"), tail.Draw(t, "two")
		if one == two {
			return
		}
		slug := tenant.Slug(cased.Draw(t, "name"))
		other := rapid.SampledFrom([]string{slug, "", two, slug + "_" + one, strings.Repeat("x", 90)}).Draw(t, "other slug")
		const clock = "01920e6a-7c1e-7b53-9b57-2f4d"
		a, b := tenant.SchemaName(slug, tenant.ID(clock+one)), tenant.SchemaName(other, tenant.ID(clock+two))
		if a == b {
			t.Fatalf("%q and %q share %s", slug, other, a)
		}
	})
	require.Equal(t, "t_9b0a0f11", tenant.SchemaName("", "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11"))
	require.Equal(t, "t_ward_7_9b0a0f11", tenant.SchemaName("ward_7", "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11"))
}
