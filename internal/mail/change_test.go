package mail_test

import (
	"html"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tenant-provisioning/internal/mail"
	"tenant-provisioning/internal/tenant"
)

func changeData(template string) mail.ChangeData {
	d := mail.ChangeData{
		Template: template, PlatformName: "Meridian Care", TenantName: "St. Mary's Hospital", AdminFirstName: "Amina",
		Since: time.Date(2026, 8, 17, 16, 5, 59, 0, time.FixedZone("CEST", 7200)), SupportAddress: "support@meridian.example",
	}
	if template == "archived" {
		d.Until = d.Since.Add(30 * 24 * time.Hour)
	}
	return d
}

// TestChangeGolden: every step that tells an administrator of a change has its
// mail.
func TestChangeGolden(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, k := range tenant.Kinds() {
		for _, step := range k.Steps() {
			template := step.Template()
			if template == "" || template == tenant.TemplateWelcome {
				continue
			}
			content, err := mail.Change(changeData(template))
			require.NoError(t, err, template)
			requireGolden(t, "change_"+template, content)
			seen++
		}
	}
	require.GreaterOrEqual(t, seen, 4)
	bare := changeData("archived")
	bare.PlatformName, bare.AdminFirstName, bare.SupportAddress = "", "", ""
	content, err := mail.Change(bare)
	require.NoError(t, err)
	requireGolden(t, "change_archived_bare", content)
}

func TestAChangeSaysSinceWhenAndWhomToAsk(t *testing.T) {
	t.Parallel()
	content, err := mail.Change(changeData("archived"))
	require.NoError(t, err)
	for form, body := range map[string]string{"text": content.Text, "html": html.UnescapeString(content.HTML)} {
		for _, needed := range []string{
			"Monday, 17 August 2026, 14:05 UTC", "Wednesday, 16 September 2026, 14:05 UTC", "Amina", "Meridian Care", "support@meridian.example", "can be taken back",
		} {
			require.Contains(t, body, needed, form)
		}
		require.Contains(t, strings.ReplaceAll(body, "\u200b", ""), "St. Mary's Hospital", form)
	}
}

func TestAChangeIsRefusedWithoutWhatItMustSay(t *testing.T) {
	t.Parallel()
	for what, spoil := range map[string]func(*mail.ChangeData){
		"no such mail": func(d *mail.ChangeData) { d.Template = "sung" },
		"no tenant":    func(d *mail.ChangeData) { d.TenantName = " \n" },
		"no since":     func(d *mail.ChangeData) { d.Since = time.Time{} },
		"no until":     func(d *mail.ChangeData) { d.Until = time.Time{} },
		"no support":   func(d *mail.ChangeData) { d.SupportAddress = "nobody" },
	} {
		d := changeData("archived")
		spoil(&d)
		_, err := mail.Change(d)
		require.Error(t, err, what)
	}
}

// TestAChangeTakesAnyName: names are shown, never interpreted.
func TestAChangeTakesAnyName(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := changeData(rapid.SampledFrom([]string{"suspended", "resumed", "archived", "undeleted", "invited_elsewhere"}).Draw(t, "template"))
		d.TenantName = "H" + rapid.String().Draw(t, "tenant")
		d.AdminFirstName = rapid.String().Draw(t, "first name")
		content, err := mail.Change(d)
		require.NoError(t, err)
		require.NotContains(t, content.Subject, "\n")
		require.NotContains(t, content.HTML, "<script")
		require.NotContains(t, content.HTML, "{{")
	})
}
