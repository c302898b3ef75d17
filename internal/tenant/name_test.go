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
		"only fillers":            "\u3164\u115f\u1160\uffa0",
		"only empty cells":        "\u2800\u2800\u2800",
		"only selectors":          "\ufe0f\ufe0e\U000e0100",
		"one that can be seen":    "a\u200b\u200b\u200b",
		"two that can be seen":    "a\u200b\u00adb\u200d",
		"101 with the invisible":  strings.Repeat("x\u200b", 50) + "x",
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

// TestNamesThatLookTheSame: whoever reads one of them takes it for the other.
func TestNamesThatLookTheSame(t *testing.T) {
	t.Parallel()
	for _, same := range []string{
		"Saint Mary", "saint MARY", "Saint  Mary", "  Saint Mary ", "Saint\u00a0Mary", "Saint\u2003Mary", "Saint\u3000Mary",
		"Saint\u202f\u2009Mary", "Saint\u2800Mary", "Saint \u200b Mary", "Saint\u200b Mary", "\ufeffSaint Mary", "Saint Mary\u200e",
		"Sa\u00adint Mary", "Sa\u200dint M\u200cary", "Saint\u2060 Mary", "Saint Mary\ufe0f", "Saint Mary\U000e0100", "Sa\u034fint Mary",
		"Saint\u3164 Mary", "\u202eSaint Mary\u202c", "Ｓａｉｎｔ　Ｍａｒｙ", "𝐒𝐚𝐢𝐧𝐭 𝐌𝐚𝐫𝐲", "ſaint Mary", "Saint Ｍary",
	} {
		require.Equalf(t, "saint mary", tenant.NameKey(same), "%+q", same)
	}
	for one, other := range map[string]string{
		"Charité":          "Charite\u200b\u0301", // composed once what stands between is gone
		"Praxis am Fluß":   "PRAXIS AM FLUSS",
		"ﬁne Clinic":       "Fine Clinic",
		"Klinik №5":        "Klinik No5",
		"👩\u200d⚕️ Doctor": "👩⚕ Doctor",
		"ᎣᏍᏓ Clinic":       "ꭳꮝꮣ clinic",
		"ｶﾞﾝ病院":            "ガン病院",
	} {
		require.Equalf(t, tenant.NameKey(one), tenant.NameKey(other), "%+q", other)
	}
}

// TestAKeyIsItsOwnKey for each character: a name that is compared twice, or by
// its key, is the same.
func TestAKeyIsItsOwnKey(t *testing.T) {
	t.Parallel()
	for r := rune(1); r <= unicode.MaxRune; r++ {
		if !unicode.IsGraphic(r) && !unicode.Is(unicode.Cf, r) {
			continue
		}
		key := tenant.NameKey("A" + string(r) + "\u0301")
		if again := tenant.NameKey(key); again != key {
			t.Errorf("%U: the key %+q has the key %+q", r, key, again)
		}
	}
}

func TestNamesThatDiffer(t *testing.T) {
	t.Parallel()
	keys := map[string]string{}
	for _, name := range []string{
		"St. Mary", "St Mary", "St. Mary's", "Saint Mary", "SaintMary", "St. Marý", "Санкт Мария", "圣玛丽", "🏥 St. Mary",
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
