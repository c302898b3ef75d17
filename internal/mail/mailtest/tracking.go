package mailtest

import (
	"encoding/base64"
	"regexp"
)

// trackingSettings are on unless a request says no, as on a new account.
type trackingSettings struct {
	ClickTracking struct {
		Enable     *bool `json:"enable"`
		EnableText *bool `json:"enable_text"`
	} `json:"click_tracking"`
	OpenTracking struct {
		Enable *bool `json:"enable"`
	} `json:"open_tracking"`
}

var (
	hrefs = regexp.MustCompile(`href="(https?://[^"]*)"`)
	links = regexp.MustCompile(`https?://\S+`)
)

// apply rewrites links and adds the pixel as SendGrid would, so that a sender
// who forgets to switch tracking off loses its link here too.
func (t trackingSettings) apply(text, html string) (string, string) {
	if on(t.ClickTracking.Enable) {
		html = hrefs.ReplaceAllStringFunc(html, func(match string) string {
			return `href="` + tracked(hrefs.FindStringSubmatch(match)[1]) + `"`
		})
		if t.ClickTracking.EnableText != nil && *t.ClickTracking.EnableText {
			text = links.ReplaceAllStringFunc(text, tracked)
		}
	}
	if on(t.OpenTracking.Enable) && html != "" {
		html += `<img src="https://u1.ct.sendgrid.net/wf/open" alt="" width="1" height="1">`
	}
	return text, html
}

func on(setting *bool) bool { return setting == nil || *setting }

func tracked(link string) string {
	return "https://u1.ct.sendgrid.net/ls/click?upn=" + base64.RawURLEncoding.EncodeToString([]byte(link))
}
