package config

import (
	"crypto/x509"
	"fmt"
	"net/mail"
	"net/netip"
)

// App is what the installation is called and where it is reached.
type App struct {
	// Port is where the api listens (APP_PORT, 3000 as in the application that
	// this one replaces).
	Port int
	// URL is where callers reach the api (APP_URL). It stands in the OpenAPI
	// document. Required in production; otherwise http://localhost:APP_PORT.
	URL string
	// TenantURL is the base of the link in the welcome mail (TENANT_APP_URL);
	// URL when not set. The link leads to the api's invitation page, so a proxy
	// at another address must pass /invitations/ on.
	TenantURL string
	// TrustedProxies are those whose X-Forwarded-For says who the client is
	// (TRUSTED_PROXIES, addresses and networks separated by commas). Without any
	// only what runs on the same machine is believed. A proxy that is not named
	// is itself the client of all its requests without a token.
	TrustedProxies []netip.Prefix
	// NotifyEmail are told of operations that need attention (NOTIFY_EMAIL,
	// separated by commas). Nobody is when it is empty.
	NotifyEmail []mail.Address
	// StatusFile keeps what the page at /status knew last over a restart of the api
	// (STATUS_FILE). Empty: nothing does.
	StatusFile string
	// NotifyWebhook gets the same as JSON (NOTIFY_WEBHOOK), so that an outage of
	// the mail is told while it lasts. Most such URLs hold a key.
	NotifyWebhook Secret
	// NotifyWebhookRootCAs are the authorities that sign the certificate of the
	// server there (NOTIFY_WEBHOOK_SSLROOTCERT). Nil: the system's.
	NotifyWebhookRootCAs *x509.CertPool
}

func (r *reader) app() App {
	a := App{
		Port: read(r, setting{name: "APP_PORT", def: "3000"}, port),
	}
	url := setting{name: "APP_URL", required: r.production}
	if !r.production {
		url.def = fmt.Sprintf("http://localhost:%d", a.Port)
	}
	a.URL = read(r, url, webURL)
	a.TenantURL = read(r, setting{name: "TENANT_APP_URL", def: a.URL, from: "APP_URL"}, webURL)
	a.TrustedProxies = read(r, setting{name: "TRUSTED_PROXIES"}, networks)
	a.StatusFile = read(r, setting{name: "STATUS_FILE"}, text("the path of a file"))
	a.NotifyEmail = read(r, setting{name: "NOTIFY_EMAIL"}, mailboxes)
	a.NotifyWebhook = readSecret(r, setting{name: "NOTIFY_WEBHOOK"}, secretURL)
	a.NotifyWebhookRootCAs = r.rootCertificatesFor("NOTIFY_WEBHOOK", a.NotifyWebhook.Reveal(), "NOTIFY_WEBHOOK_SSLROOTCERT")
	return a
}
