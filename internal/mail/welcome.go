package mail

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// WelcomeData is what the welcome mail tells a tenant's first administrator.
// Names may hold anything that a person can type; they are shown, never
// interpreted.
type WelcomeData struct {
	// PlatformName is who writes: the name that the administrator knows from
	// the contract. Empty: the host of the link stands for it.
	PlatformName string
	// TenantName is the administrator's organisation. Required.
	TenantName string
	// AdminFirstName may be empty.
	AdminFirstName string
	// Again tells that there was an invitation before, which this one replaces, and
	// perhaps a password.
	Again bool
	// Link is the one-time address to choose a password at, http or https.
	// Required.
	Link string
	// ExpiresAt is when the link ends. Required.
	ExpiresAt time.Time
	// SupportAddress is where a person answers. Empty: the mail sends the
	// reader to whoever at the platform is in touch with them.
	SupportAddress string
}

// welcome is what the templates see.
type welcome struct {
	Subject, FirstName, Tenant, Platform, Link, LinkHost, Expires, Support string
	Again                                                                  bool
}

// Welcome writes the welcome mail.
func Welcome(data WelcomeData) (Content, error) {
	host, err := linkHost(data.Link)
	if err != nil {
		return Content{}, err
	}
	tenantName, platform := oneLine(data.TenantName), cmp.Or(oneLine(data.PlatformName), host)
	switch {
	case tenantName == "":
		return Content{}, errors.New("welcome mail: the tenant's name is empty")
	case data.ExpiresAt.IsZero():
		return Content{}, errors.New("welcome mail: the link has no expiry")
	}
	support := Address{Addr: data.SupportAddress}
	if data.SupportAddress != "" {
		if support, err = support.onWire(); err != nil {
			return Content{}, fmt.Errorf("welcome mail: the support address: %w", err)
		}
	}
	html := welcome{
		Subject:   "Your administrator account for " + isolated(tenantName) + " on " + isolated(platform),
		FirstName: unlinked(oneLine(data.AdminFirstName)),
		Tenant:    unlinked(tenantName),
		Platform:  unlinked(platform),
		Link:      data.Link,
		LinkHost:  host,
		Expires:   moment(data.ExpiresAt),
		Support:   support.Addr,
		Again:     data.Again,
	}
	if data.Again {
		html.Subject = "A new link to choose your password for " + isolated(tenantName) + " on " + isolated(platform)
	}
	text := html
	text.FirstName = isolated(html.FirstName)
	text.Tenant = isolated(html.Tenant)
	text.Platform = isolated(html.Platform)
	return render("welcome", html.Subject, text, html)
}

// linkHost is the part of the link that a reader can check in the browser. The
// errors do not show the link: it is a secret.
func linkHost(link string) (string, error) {
	if strings.ContainsFunc(link, func(r rune) bool {
		return r > unicode.MaxASCII || unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`"<>\^{|}`+"`", r)
	}) {
		return "", errors.New("welcome mail: the link has characters that do not belong into an address")
	}
	parsed, err := url.Parse(link)
	if err != nil || (parsed.Scheme != "https" && parsed.Scheme != "http") || parsed.Host == "" || parsed.User != nil {
		return "", errors.New("welcome mail: the link is not a web address: check TENANT_APP_URL")
	}
	return parsed.Host, nil
}
