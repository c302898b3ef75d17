package mail_test

import (
	"flag"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tenant-provisioning/internal/mail"
)

var update = flag.Bool("update", false, "write the golden mails instead of comparing with them")

// requireGolden compares a mail with testdata, after the eye has approved it.
func requireGolden(t *testing.T, name string, content mail.Content) {
	t.Helper()
	for suffix, got := range map[string]string{
		".txt": "Subject: " + content.Subject + "\n\n" + content.Text, ".html": content.HTML,
	} {
		path := filepath.Join("testdata", name+suffix)
		if *update {
			require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(want), got, "run go test ./internal/mail -update, then read the diff")
	}
}

func welcomeData() mail.WelcomeData {
	return mail.WelcomeData{
		PlatformName: "Meridian Care", TenantName: "St. Mary's Hospital", AdminFirstName: "Amina",
		Link:           "https://app.meridian.example/invitations/Zk3vQ0p6l1u8sX2fJ7yD9bRtW4mNcHaE",
		ExpiresAt:      time.Date(2026, 8, 17, 16, 5, 59, 0, time.FixedZone("CEST", 7200)),
		SupportAddress: "support@meridian.example",
	}
}

func TestWelcomeGolden(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*mail.WelcomeData){
		"welcome": func(*mail.WelcomeData) {},
		"welcome_bare": func(d *mail.WelcomeData) {
			d.PlatformName, d.AdminFirstName, d.SupportAddress = "", "", ""
		},
		"welcome_again": func(d *mail.WelcomeData) { d.Again = true },
		"welcome_rtl": func(d *mail.WelcomeData) {
			d.TenantName, d.AdminFirstName = `مستشفى "النور" 🏥`, "عائشة"
		},
	}
	for name, change := range cases {
		data := welcomeData()
		change(&data)
		content, err := mail.Welcome(data)
		require.NoError(t, err)
		requireGolden(t, name, content)
	}
}

func TestWelcomeSaysWhatItMust(t *testing.T) {
	t.Parallel()
	data := welcomeData()
	content, err := mail.Welcome(data)
	require.NoError(t, err)
	for form, body := range map[string]string{"text": content.Text, "html": html.UnescapeString(content.HTML)} {
		for _, needed := range []string{
			data.Link, "Monday, 17 August 2026, 14:05 UTC", "app.meridian.example", "Amina", "Meridian Care",
			"never ask for your password by e-mail", "If you did not expect this", data.SupportAddress,
		} {
			require.Contains(t, body, needed, form)
		}
		require.Contains(t, strings.ReplaceAll(body, "\u200b", ""), "St. Mary's Hospital", form)
	}
	require.Equal(t, 1, strings.Count(content.HTML, `class="button"`))
}

func TestWelcomeBringsNothingFromOutside(t *testing.T) {
	t.Parallel()
	content, err := mail.Welcome(welcomeData())
	require.NoError(t, err)
	for _, tag := range []string{"<img", "<script", "<link", "<table", "@import", "url(", "<form"} {
		require.NotContains(t, content.HTML, tag)
	}
	for _, target := range hrefs.FindAllStringSubmatch(content.HTML, -1) {
		require.Contains(t, []string{welcomeData().Link, "mailto:" + welcomeData().SupportAddress}, html.UnescapeString(target[1]))
	}
}

var hrefs = regexp.MustCompile(`href="([^"]*)"`)

// Programs take a paragraph's direction from its first letter: a name there
// would set English from right to left.
func TestWelcomeBeginsNoSentenceWithAName(t *testing.T) {
	t.Parallel()
	data := welcomeData()
	data.TenantName, data.AdminFirstName = "مستشفى النور", "عائشة"
	content, err := mail.Welcome(data)
	require.NoError(t, err)
	require.Contains(t, content.Text, data.TenantName)
	require.NotRegexp(t, `(?m)^[^a-zA-Z\n]*\p{Arabic}`, content.Text)
}

func TestWelcomeRefusesWhatItCannotSay(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*mail.WelcomeData){
		"tenant's name":   func(d *mail.WelcomeData) { d.TenantName = " \u202e " },
		"no expiry":       func(d *mail.WelcomeData) { d.ExpiresAt = time.Time{} },
		"support address": func(d *mail.WelcomeData) { d.SupportAddress = "nobody" },
		"TENANT_APP_URL":  func(d *mail.WelcomeData) { d.Link = "javascript:alert(1)" },
		"web address":     func(d *mail.WelcomeData) { d.Link = "/invitations/x" },
		"not a web":       func(d *mail.WelcomeData) { d.Link = "https://user:pass@app.example/x" },
		"characters":      func(d *mail.WelcomeData) { d.Link = "https://app.example/x\r\ny" },
		"do not belong":   func(d *mail.WelcomeData) { d.Link = "https://app.example/\"onclick=x" },
	}
	for reason, change := range cases {
		data := welcomeData()
		change(&data)
		_, err := mail.Welcome(data)
		require.ErrorContains(t, err, reason)
		require.NotContains(t, err.Error(), "Zk3v", "the link is a secret")
	}
}

// hostileName mixes what names are made of with what breaks mails.
func hostileName() *rapid.Generator[string] {
	piece := rapid.OneOf(
		rapid.String(),
		rapid.StringOfN(rapid.RuneFrom(nil, unicode.Arabic, unicode.Hebrew, unicode.Han, unicode.Devanagari), 1, 8, -1),
		rapid.SampledFrom([]string{
			"\r\nBcc: eve@evil.example", "\x00", "<script>alert(1)</script>", `" onmouseover="x`, "'", "&amp;", "{{.Link}}",
			"http://evil.example/login", "evil.example", "www.evil.example", "eve@evil.example", "\u202eevil\u202c", "\u2066", "\u2029",
			"👩‍⚕️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "</title>", "</style>", "<!--", "=?utf-8?q?x?=", "; DROP SCHEMA public;", "%0d%0a", "\xff",
		}),
	)
	return rapid.Custom(func(t *rapid.T) string {
		return "N" + strings.Join(rapid.SliceOfN(piece, 0, 5).Draw(t, "pieces"), " ")
	})
}

func TestWelcomeContainsAnyName(t *testing.T) {
	t.Parallel()
	clean, err := mail.Welcome(welcomeData())
	require.NoError(t, err)
	autolink := regexp.MustCompile(`(?i)evil\.example|https?://evil|eve@evil`)
	rapid.Check(t, func(t *rapid.T) {
		data := welcomeData()
		data.TenantName = hostileName().Draw(t, "tenant")
		data.AdminFirstName = hostileName().Draw(t, "first name")
		data.PlatformName = hostileName().Draw(t, "platform")
		data.Again = rapid.Bool().Draw(t, "again")
		content, err := mail.Welcome(data)
		require.NoError(t, err)

		require.NotContains(t, content.Subject, "\n")
		require.False(t, strings.ContainsFunc(content.Subject, unicode.IsControl), "%q", content.Subject)
		// A name adds no line, no tag, no attribute and no link.
		require.Equal(t, strings.Count(clean.Text, "\n"), strings.Count(content.Text, "\n"))
		for _, mark := range []string{"<", ">", `"`, "href="} {
			require.Equal(t, strings.Count(clean.HTML, mark), strings.Count(content.HTML, mark), mark)
		}
		for _, body := range []string{content.Text, content.HTML} {
			require.Empty(t, autolink.FindString(body))
			require.Equal(t, strings.Count(body, "\u2068"), strings.Count(body, "\u2069"), "isolates are closed")
			require.False(t, strings.ContainsAny(body, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067"))
			require.Contains(t, html.UnescapeString(body), data.Link)
		}
	})
}
