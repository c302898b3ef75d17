package mail

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// ChangeData is what a mail about a change of a tenant's access tells its
// administrator. Nothing of the reason that was typed for it is in it.
type ChangeData struct {
	// Template names the change: suspended, resumed, archived, undeleted, deleted or
	// invited_elsewhere.
	Template string
	// PlatformName is who writes. Empty: "the platform".
	PlatformName string
	// TenantName is the administrator's organisation. Required.
	TenantName string
	// AdminFirstName may be empty.
	AdminFirstName string
	// Since is when the tenant's row was last changed: by what the mail tells of or,
	// if its address or legal hold was changed before the mail left, later. Required.
	Since time.Time
	// Until is when the data of an archived tenant may be removed for good.
	// Required of that, and of no other.
	Until time.Time
	// SupportAddress is where a person answers. Empty: the mail sends the reader to
	// whoever at the platform is in touch with them.
	SupportAddress string
}

// change is what the templates see.
type change struct {
	Subject, Heading, FirstName, Tenant, Platform, Since, Until, Support string
	// Happened and Means are sentences; the tenant's name goes before the first.
	Happened string
	Means    []string
	// Ask begins the sentence that says whom to ask.
	Ask string
}

// changes are the texts by template.
var changes = map[string]struct {
	subject, heading, happened string
	means                      []string
	ask                        string
}{
	"suspended": {
		"Access to %s is suspended", "Access is suspended", "has been suspended",
		[]string{
			"Nobody can sign in, read or change data for now, and what was connected has been cut off.",
			"All data is kept as it is. When the suspension ends, everything is there again and nobody needs a new password.",
		},
		"If you do not know why, or want the access back",
	},
	"resumed": {
		"Access to %s is back", "Access is back", "can be used again",
		[]string{"All data is as it was before the suspension. Everybody signs in with the password that they have."},
		"If something does not work",
	},
	"archived": {
		"%s is archived", "Your space is archived", "has been archived",
		[]string{
			"Nobody can sign in, read or change data any more.",
			"The data is kept until %s. Until then the archive can be taken back, and everything is there again. After that the data may be removed for good.",
		},
		"If this is a mistake, or you still need the data",
	},
	"undeleted": {
		"The archive of %s was taken back", "The archive was taken back", "is no longer archived",
		[]string{"All data is as it was before, and so is the access: if it was suspended before the archive, it still is."},
		"If something does not work",
	},
	"deleted": {
		"The data of %s is deleted", "Your space is deleted", "has been deleted",
		[]string{
			"Its data has been removed from the platform for good. Nobody can bring it back.",
			"Your name and your address are erased as well. This is the last message that you get about it.",
		},
		"If you did not expect this",
	},
	"invited_elsewhere": { // neither a link nor the other address: this one may be lost to somebody else
		"Another address is invited to administer %s", "Another address is invited", "has another address for its administrator",
		[]string{
			"The platform sends an invitation to that address. Whoever uses the link in it can set a new password, and is then the administrator in your place.",
			"Until that happens you sign in as before, with the password that you have. After that it no longer works.",
		},
		"If you did not expect this, or it is not right",
	},
}

// Change writes a mail about a change of a tenant's access.
func Change(data ChangeData) (Content, error) {
	texts, known := changes[data.Template]
	tenantName, platform := oneLine(data.TenantName), cmp.Or(oneLine(data.PlatformName), "the platform")
	switch {
	case !known:
		return Content{}, fmt.Errorf("mail about a change: there is no template %q", data.Template)
	case tenantName == "":
		return Content{}, errors.New("mail about a change: the tenant's name is empty")
	case data.Since.IsZero():
		return Content{}, errors.New("mail about a change: it does not say since when")
	case data.Template == "archived" && data.Until.IsZero():
		return Content{}, errors.New("mail about an archive: it does not say until when")
	}
	support := Address{Addr: data.SupportAddress}
	if data.SupportAddress != "" {
		var err error
		if support, err = support.onWire(); err != nil {
			return Content{}, fmt.Errorf("mail about a change: the support address: %w", err)
		}
	}
	html := change{
		Subject: fmt.Sprintf(texts.subject, isolated(tenantName)), Heading: texts.heading,
		FirstName: unlinked(oneLine(data.AdminFirstName)), Tenant: unlinked(tenantName), Platform: unlinked(platform),
		Happened: texts.happened, Since: moment(data.Since), Support: support.Addr, Ask: texts.ask,
	}
	for i, m := range texts.means {
		if data.Template == "archived" && i == 1 {
			m = fmt.Sprintf(m, moment(data.Until))
		}
		html.Means = append(html.Means, m)
	}
	text := html
	text.FirstName, text.Tenant, text.Platform = isolated(html.FirstName), isolated(html.Tenant), isolated(html.Platform)
	return render("change", html.Subject, text, html)
}
