package config

import (
	"cmp"
	"crypto/x509"
	"net/mail"
	"net/netip"
	"slices"
	"strings"

	"tenant-provisioning/internal/tenant"
)

// MailTransport is how mail leaves.
type MailTransport string

// The transports.
const (
	// SendGrid is the v3 web API; the password is the API key.
	SendGrid MailTransport = "sendgrid"
	// SMTP is any mail server.
	SMTP MailTransport = "smtp"
)

// sendGridRelay is the host that the replaced application sends through: its
// settings keep working, but over the web API, which can be asked about a
// message later.
const sendGridRelay = "smtp.sendgrid.net"

// MailServer is one way to send mail.
type MailServer struct {
	// Transport is MAIL_TRANSPORT. Not set: sendgrid when MAIL_HOST is
	// smtp.sendgrid.net, else smtp.
	Transport MailTransport
	Host      string // MAIL_HOST; not used by sendgrid
	Port      int    // MAIL_PORT, 587 (message submission); not used by sendgrid
	User      string // MAIL_USER; not used by sendgrid
	Password  Secret // MAIL_PASSWORD; the API key where SendGrid sends
	// Helo is how the worker greets the server (MAIL_HELO): a full name that DNS
	// knows, or an address in brackets. Empty: the machine's own name if it is a
	// full one, else its address. Not used by sendgrid.
	Helo string
	// SendGridURL is the base of the web API (SENDGRID_BASE_URL,
	// https://api.sendgrid.com; https://api.eu.sendgrid.com keeps the data in
	// the European Union).
	SendGridURL string
	// RootCAs are the authorities that sign the certificate of the mail server or
	// of the web API (MAIL_SSLROOTCERT). With them SMTP insists on TLS. Nil: the
	// system's.
	RootCAs *x509.CertPool
}

// Mail is who writes and through what.
type Mail struct {
	MailServer
	// From is the sender (MAIL_FROM). SendGrid refuses one that was not
	// verified there.
	From mail.Address
	// Backup sends when the first server cannot (MAIL_BACKUP_TRANSPORT, _HOST,
	// _PORT, _USER, _PASSWORD, _HELO, _SSLROOTCERT). Nil: mail waits until the
	// first one can.
	Backup *MailServer
}

func (r *reader) mail() Mail {
	m := Mail{
		MailServer: r.mailServer("MAIL_"),
		From:       read(r, setting{name: "MAIL_FROM", required: true}, mailbox),
	}
	if slices.ContainsFunc([]string{"TRANSPORT", "HOST", "PORT", "USER", "PASSWORD", "HELO", "SSLROOTCERT"}, func(s string) bool {
		return r.isSet("MAIL_BACKUP_" + s)
	}) {
		backup := r.mailServer("MAIL_BACKUP_")
		backup.Helo = cmp.Or(backup.Helo, m.Helo) // it is the same machine
		m.Backup = &backup
	}
	return m
}

func (r *reader) mailServer(prefix string) MailServer {
	transport := setting{name: prefix + "TRANSPORT"}
	hostname := setting{name: prefix + "HOST"}
	s := MailServer{
		Transport: read(r, transport, oneOf(SendGrid, SMTP)),
		Host:      read(r, hostname, host),
		Port:      read(r, setting{name: prefix + "PORT", def: "587"}, port),
		User:      read(r, setting{name: prefix + "USER"}, text("the user name at the mail server")),
		Helo:      read(r, setting{name: prefix + "HELO"}, helo),
		RootCAs:   r.rootCertificates(prefix + "SSLROOTCERT"),
	}
	if s.Transport == "" && !r.isSet(transport.name) {
		s.Transport = SMTP
		if s.Host == sendGridRelay {
			s.Transport = SendGrid
		}
	}
	if s.Transport == SMTP && s.Host == "" && !r.isSet(hostname.name) {
		r.problem(hostname, "missing; expected %s, or %s=%s to send through SendGrid", host.want, transport.name, SendGrid)
	}
	password := setting{name: prefix + "PASSWORD"}
	want := secretText("the password at the mail server", 1)
	if s.Transport == SendGrid {
		password.required = true
		want = secretText("the SendGrid API key", 1)
		s.SendGridURL = read(r, setting{name: "SENDGRID_BASE_URL", def: "https://api.sendgrid.com"}, webURL)
	}
	s.Password = readSecret(r, password, want)
	return s
}

// helo is a name for EHLO: what can have a mailbox, or an address, which is put
// into brackets as RFC 5321, 4.1.3, has it. A name without a domain, and
// localhost, are what servers refuse.
var helo = kind[string]{want: `the full name of this machine in DNS, such as "worker.example.org", or its address in brackets`, parse: func(s string) (string, bool) {
	literal := strings.TrimPrefix(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"), "IPv6:")
	if address, err := netip.ParseAddr(literal); err == nil {
		if address.Is6() {
			literal = "IPv6:" + literal
		}
		return "[" + literal + "]", address.Zone() == ""
	}
	wire, err := tenant.WireAddress("postmaster@" + s)
	_, name, _ := strings.Cut(wire, "@")
	return name, err == nil && !strings.HasPrefix(strings.ToLower(name), "localhost.")
}}
