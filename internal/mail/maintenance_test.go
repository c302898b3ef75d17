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

func maintenanceData(about tenant.WindowAnnouncement, staff bool) mail.MaintenanceData {
	d := mail.MaintenanceData{
		About: about, PlatformName: "Meridian Care", TenantName: "St. Mary's Hospital", FirstName: "Amina", SupportAddress: "support@meridian.example",
		Window: tenant.Window{
			ID: "0197a3c2-5f10-7b53-9b57-2f4d9b0a0f11", State: tenant.WindowPlanned, Mode: tenant.WindowReadOnly, Title: "Regular maintenance",
			StartsAt: time.Date(2026, 12, 13, 2, 0, 0, 0, time.UTC), EndsAt: time.Date(2026, 12, 13, 4, 0, 0, 0, time.UTC),
		},
	}
	if staff {
		d.TenantName, d.FirstName = "", ""
	}
	if about == tenant.AnnounceOverrun {
		d.Window.State, d.Window.EndsAt = tenant.WindowRunning, d.Window.EndsAt.Add(30*time.Minute)
		d.Window.Note = "not done: Security patches"
	}
	return d
}

func TestMaintenanceGolden(t *testing.T) {
	t.Parallel()
	for _, about := range []tenant.WindowAnnouncement{tenant.AnnouncePlanned, tenant.AnnounceMoved, tenant.AnnounceCancelled, tenant.AnnounceOverrun} {
		content, err := mail.Maintenance(maintenanceData(about, true))
		require.NoError(t, err)
		requireGolden(t, "maintenance_staff_"+string(about), content)
		if about == tenant.AnnounceOverrun {
			continue // it is told to staff alone
		}
		content, err = mail.Maintenance(maintenanceData(about, false))
		require.NoError(t, err)
		requireGolden(t, "maintenance_"+string(about), content)
	}
	adHoc := maintenanceData(tenant.AnnouncePlanned, false)
	adHoc.PlatformName, adHoc.FirstName, adHoc.SupportAddress, adHoc.Window.Mode = "", "", "", tenant.WindowNormal
	adHoc.Window.Title, adHoc.Window.Message, adHoc.Window.EndsAt = "Move to another data centre", "Sign-in may be slow for some minutes.", adHoc.Window.StartsAt.Add(95*time.Minute)
	content, err := mail.Maintenance(adHoc)
	require.NoError(t, err)
	requireGolden(t, "maintenance_bare", content)
}

// TestAMaintenanceMailSaysWhenAndWhatItMeans, and nothing of staff's to others.
func TestAMaintenanceMailSaysWhenAndWhatItMeans(t *testing.T) {
	t.Parallel()
	content, err := mail.Maintenance(maintenanceData(tenant.AnnouncePlanned, false))
	require.NoError(t, err)
	for form, body := range map[string]string{"text": content.Text, "html": html.UnescapeString(content.HTML)} {
		body = strings.ReplaceAll(body, "\u200b", "")
		for _, needed := range []string{"Sunday, 13 December 2026, 02:00 UTC", "04:00 UTC", "2 hours", "Amina", "St. Mary's Hospital", "support@meridian.example", "wait until the maintenance is over"} {
			require.Contains(t, body, needed, form)
		}
		for _, internal := range []string{"starter", "NOTIFY_EMAIL", "503", "0197a3c2"} {
			require.NotContains(t, body, internal, form)
		}
	}
	content, err = mail.Maintenance(maintenanceData(tenant.AnnounceOverrun, true))
	require.NoError(t, err)
	require.Contains(t, content.Text, "Security patches")
	require.Contains(t, content.Text, "starter maintenance end 0197a3c2-5f10-7b53-9b57-2f4d9b0a0f11 --reason TEXT")
}

func TestAMaintenanceMailIsRefusedWithoutWhatItMustSay(t *testing.T) {
	t.Parallel()
	for what, spoil := range map[string]func(*mail.MaintenanceData){
		"nothing has become of it": func(d *mail.MaintenanceData) { d.About = "" },
		"no times":                 func(d *mail.MaintenanceData) { d.Window.StartsAt, d.Window.EndsAt = time.Time{}, time.Time{} },
		"an end before the start":  func(d *mail.MaintenanceData) { d.Window.EndsAt = d.Window.StartsAt.Add(-time.Hour) },
		"no support":               func(d *mail.MaintenanceData) { d.SupportAddress = "nobody" },
	} {
		d := maintenanceData(tenant.AnnouncePlanned, false)
		spoil(&d)
		_, err := mail.Maintenance(d)
		require.Error(t, err, what)
	}
}

// TestAMaintenanceMailTakesAnyName: what people typed is shown, never interpreted.
func TestAMaintenanceMailTakesAnyName(t *testing.T) {
	t.Parallel()
	clean, err := mail.Maintenance(maintenanceData(tenant.AnnouncePlanned, false))
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		d := maintenanceData(tenant.AnnouncePlanned, false)
		d.TenantName, d.FirstName, d.PlatformName = hostileName().Draw(t, "tenant"), hostileName().Draw(t, "first name"), hostileName().Draw(t, "platform")
		d.Window.Title = hostileName().Draw(t, "title")
		content, err := mail.Maintenance(d)
		require.NoError(t, err)
		require.NotContains(t, content.Subject, "\n")
		require.Equal(t, strings.Count(clean.Text, "\n"), strings.Count(content.Text, "\n"))
		for _, mark := range []string{"<", ">", `"`, "href="} {
			require.Equal(t, strings.Count(clean.HTML, mark), strings.Count(content.HTML, mark), mark)
		}
	})
}
