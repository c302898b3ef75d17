package tenant_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tenant-provisioning/internal/tenant"
)

var ada = tenant.Administrator{Email: "ada@hospital.example", FirstName: "Ada", LastName: "Lovelace"}

func TestAddressesThatAreTaken(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"ada@hospital.example",
		"a@b.co",
		"ada.lovelace+ward7@mail.st-mary.hospital.example",
		"o'hara_9%x@hospital.example",
		"ada@ab--cd.example",
		"ada@krankenhäuser.example",
		"ada@xn--krankenhuser-ocb.example",
		"ada@मेल.भारत",
		strings.Repeat("a", 64) + "@hospital.example",
	} {
		a := ada
		a.Email = "  " + address + " "
		clean, errs := a.Clean()
		require.Emptyf(t, errs, "%q", address)
		require.Equal(t, address, clean.Email)
	}
}

func TestAddressesThatAreRefused(t *testing.T) {
	t.Parallel()
	for what, address := range map[string]string{
		"nothing":              "",
		"no at":                "ada.hospital.example",
		"no local part":        "@hospital.example",
		"no domain":            "ada@",
		"a bare host":          "a@b",
		"a display name":       "Bob <a@b.c>",
		"angle brackets":       "<ada@hospital.example>",
		"two addresses":        "ada@hospital.example,bob@hospital.example",
		"two ats":              "ada@bob@hospital.example",
		"CR":                   "ada@hospital.example\rx",
		"LF":                   "ada@hospital.example\nx",
		"CR at the end":        "ada@hospital.example\r",
		"LF at the end":        "ada@hospital.example\n",
		"CR LF at the end":     "ada@hospital.example\r\n",
		"LF at the start":      "\nada@hospital.example",
		"another header":       "ada@hospital.example\r\nBcc: eve@evil.example",
		"NUL":                  "ada\x00@hospital.example",
		"a space":              "ada lovelace@hospital.example",
		"a quoted local part":  `"ada lovelace"@hospital.example`,
		"a comment":            "ada(x)@hospital.example",
		"an IP literal":        "ada@[127.0.0.1]",
		"an IP address":        "ada@127.0.0.1",
		"an empty label":       "ada@hospital..example",
		"a dot at the end":     "ada@hospital.example.",
		"a dot at the start":   "ada@.hospital.example",
		"a hyphen first":       "ada@-hospital.example",
		"a hyphen last":        "ada@hospital-.example",
		"an underscore":        "ada@hos_pital.example",
		"65 local characters":  strings.Repeat("a", 65) + "@hospital.example",
		"a label of 64":        "ada@" + strings.Repeat("a", 64) + ".example",
		"more than 254":        "ada@" + strings.Repeat("abcdefgh.", 30) + "example",
		"dots in a row":        "ada..x@hospital.example",
		"broken UTF-8":         "ada\xff@hospital.example",
		"a right-to-left mark": "ada@hos\u202epital.example",
		"a zero-width space":   "ada\u200b@hospital.example",
		"letters beyond ASCII": "ädä@krankenhaus.example",
	} {
		a := ada
		a.Email = address
		_, errs := a.Clean()
		require.Lenf(t, errs, 1, "%s: %q", what, address)
		require.Equal(t, "adminEmail", errs[0].Field)
	}
}

// TestNoAddressCarriesAnotherHeader: whatever is taken has no character that
// could end a line of a mail's head or begin another address.
func TestNoAddressCarriesAnotherHeader(t *testing.T) {
	t.Parallel()
	parts := rapid.SampledFrom([]string{"a", "@", ".", "b.example", "\r", "\n", "\r\n", " ", "<", ">", ",", ";", "\"", "\x00", "\u2028", "é", "Bcc:"})
	rapid.Check(t, func(t *rapid.T) {
		a := ada
		a.Email = rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOfN(parts, 1, 9), func(p []string) string { return strings.Join(p, "") })).Draw(t, "address")
		clean, errs := a.Clean()
		if len(errs) == 0 && (strings.ContainsAny(clean.Email, "\r\n\x00 <>,\"\u2028") || strings.Count(clean.Email, "@") != 1 || strings.ContainsAny(a.Email, "\r\n")) {
			t.Fatalf("%q was taken as %q", a.Email, clean.Email)
		}
	})
}

func TestNamesOfPeople(t *testing.T) {
	t.Parallel()
	good := tenant.Administrator{Email: ada.Email, FirstName: " 李 ", LastName: "O'Neil-" + strings.Repeat("x", 93)}
	clean, errs := good.Clean()
	require.Empty(t, errs)
	require.Equal(t, "李", clean.FirstName)
	for what, name := range map[string]string{
		"nothing": "", "only spaces": "  ", "101": strings.Repeat("x", 101), "a line break": "Ada\nX", "NUL": "Ada\x00", "broken UTF-8": "Ada\xff",
		"only invisible": "\u200b\u3164",
	} {
		_, errs := tenant.Administrator{Email: ada.Email, FirstName: name, LastName: name}.Clean()
		require.Len(t, errs, 2, what)
		require.Equal(t, "adminFirstName", errs[0].Field)
		require.Equal(t, "adminLastName", errs[1].Field)
	}
}

// TestEveryWrongFieldIsReportedAtOnce spares an integrator the third round.
func TestEveryWrongFieldIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := tenant.Spec{Name: "x", Tier: "No Spaces", Region: strings.Repeat("r", 41)}.Clean()
	requireInvalid(t, err, "everything", "name", "adminEmail", "adminFirstName", "adminLastName", "tier", "region")
	n, err := tenant.Spec{Name: " Ward 7 ", Administrator: ada}.Clean()
	require.NoError(t, err)
	require.Equal(t, tenant.Spec{Name: "Ward 7", Administrator: ada, Tier: "standard", Region: "default"}, n)
	n, err = tenant.Spec{Name: "Ward 7", Administrator: ada, Tier: "gold-2", Region: "eu-central-1"}.Clean()
	require.NoError(t, err)
	require.Equal(t, "gold-2", n.Tier)
}

func TestAChangeLeavesTheRest(t *testing.T) {
	t.Parallel()
	address := "grace@hospital.example"
	changed, err := tenant.AdministratorChange{Email: &address}.Apply(ada)
	require.NoError(t, err)
	require.Equal(t, tenant.Administrator{Email: address, FirstName: "Ada", LastName: "Lovelace"}, changed)
	wrong, empty := "nobody", ""
	_, err = tenant.AdministratorChange{Email: &wrong, LastName: &empty}.Apply(ada)
	requireInvalid(t, err, "wrong", "adminEmail", "adminLastName")
	stored := ada
	stored.Email = "ädä@hospital.example" // which an earlier version took
	changed, err = tenant.AdministratorChange{LastName: &ada.LastName}.Apply(stored)
	require.NoError(t, err)
	require.Equal(t, stored, changed)
	_, err = tenant.AdministratorChange{Email: &stored.Email}.Apply(ada)
	requireInvalid(t, err, "stored", "adminEmail")
	same, err := tenant.AdministratorChange{}.Apply(ada)
	require.NoError(t, err)
	require.Equal(t, ada, same)
}
