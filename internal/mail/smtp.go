package mail

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"net/mail"
	"os"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

const (
	providerSMTP = "smtp"

	implicitTLSPort = 465 // RFC 8314, 3.3
	relayPort       = 25
)

// SMTPConfig says how to reach a mail server. Port 25 and a server on this
// machine use STARTTLS if it is offered; every other port insists on it.
// Without TLS no password is sent.
type SMTPConfig struct {
	Host string
	Port int // defaults to 587, message submission
	// ImplicitTLS is TLS from the first byte, instead of STARTTLS. Always so on
	// port 465.
	ImplicitTLS bool
	// User and Password may both be empty: then nobody logs in.
	User     string
	Password string
	// Timeout bounds one mail from dialling to the server's answer. Defaults
	// to 10 s.
	Timeout time.Duration
	// TLS defaults to TLS 1.2 and the host's name.
	TLS *tls.Config
	// Helo is how this machine greets the server: a name that DNS knows, or an
	// address in brackets. Defaults to the machine's name if that is a full one,
	// else to the address that the connection comes from: servers refuse a name
	// without a domain, and localhost.
	Helo string
	// Hostname is the machine's name. Defaults to os.Hostname.
	Hostname func() (string, error)
	// RootCAs sign the server's certificate, without which nothing is sent then,
	// on any port. Nil: the system's roots do.
	RootCAs *x509.CertPool
	// VerifyConnection sees each connection with TLS, as tls.Config's does.
	VerifyConnection func(tls.ConnectionState) error
	// Clock stamps the mail. Defaults to time.Now.
	Clock func() time.Time
	// SettingPrefix is how errors name the settings. Defaults to "MAIL_".
	SettingPrefix string
}

// SMTP sends through any mail server, on a connection for each mail. It is
// safe for concurrent use.
type SMTP struct{ config SMTPConfig }

// NewSMTP checks the configuration; it does not connect.
func NewSMTP(config SMTPConfig) (*SMTP, error) {
	config.Port = cmp.Or(config.Port, 587)
	config.ImplicitTLS = config.ImplicitTLS || config.Port == implicitTLSPort
	config.Timeout = cmp.Or(config.Timeout, 10*time.Second)
	config.SettingPrefix = cmp.Or(config.SettingPrefix, "MAIL_")
	if config.Clock == nil {
		config.Clock = time.Now
	}
	if config.Hostname == nil {
		config.Hostname = os.Hostname
	}
	if config.TLS == nil {
		config.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	config.TLS = config.TLS.Clone()
	if config.RootCAs != nil {
		config.TLS.RootCAs = config.RootCAs
	}
	if config.VerifyConnection != nil {
		config.TLS.VerifyConnection = config.VerifyConnection
	}
	config.TLS.ServerName = cmp.Or(config.TLS.ServerName, config.Host)
	switch {
	case config.Host == "":
		return nil, fmt.Errorf("smtp: %sHOST is required", config.SettingPrefix)
	case config.Port < 1 || config.Port > 65535:
		return nil, fmt.Errorf("smtp: %sPORT must be 1 to 65535", config.SettingPrefix)
	case (config.User == "") != (config.Password == ""):
		return nil, fmt.Errorf("smtp: %[1]sUSER and %[1]sPASSWORD go together: set both or none", config.SettingPrefix)
	}
	return &SMTP{config: config}, nil
}

// Send hands the mail to the server once. Its errors are those of this package.
func (s *SMTP) Send(ctx context.Context, m Message) (Receipt, error) {
	m, err := m.checked(providerSMTP)
	if err != nil {
		return Receipt{}, err
	}
	message := s.message(m)
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	session, err := s.connect(ctx)
	if err != nil {
		return Receipt{}, s.dialFailed(err)
	}
	defer session.close()
	if err := s.deliver(session, m, message); err != nil {
		return Receipt{}, err
	}
	_ = session.Quit() // the mail is taken; a lost goodbye changes nothing
	return Receipt{Provider: providerSMTP, ID: message.GetMessageID()}, nil
}

// deliver holds the dialogue about one mail. Each command has its own answer, so
// that what it is about is known.
func (s *SMTP) deliver(session *session, m Message, message *gomail.Msg) error {
	if err := session.Mail("<" + m.From.Addr + ">"); err != nil {
		return s.failed(atSender, m, err)
	}
	if err := session.Rcpt("<" + m.To.Addr + ">"); err != nil {
		return s.failed(atRecipient, m, err)
	}
	body, err := session.Data()
	if err != nil {
		return s.failed(atData, m, err)
	}
	if _, err := message.WriteTo(body); err != nil {
		return s.failed(atData, m, err)
	}
	if err := body.Close(); err != nil {
		return s.failed(atEnd, m, err)
	}
	return nil
}

// Lookup is always Unknown: SMTP has no question for it.
func (s *SMTP) Lookup(context.Context, string, time.Time) (Finding, error) {
	return Finding{Presence: Unknown}, nil
}

// session is a dialogue with the server, greeted and logged in. It ends with the
// context that it was opened with: the library only looks at the context while it
// dials.
type session struct {
	*smtp.Client
	conn net.Conn
	stop func() bool
}

func (s *session) close() {
	s.stop()
	_ = s.conn.Close()
}

// connect dials, greets, encrypts and logs in.
func (s *SMTP) connect(ctx context.Context) (*session, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(s.config.Host, strconv.Itoa(s.config.Port)))
	if err != nil {
		return nil, err
	}
	if s.config.ImplicitTLS {
		conn = tls.Client(conn, s.config.TLS)
	}
	opened := &session{conn: conn, stop: context.AfterFunc(ctx, func() { _ = conn.Close() })}
	client, err := gomail.NewClient(s.config.Host, s.options(conn)...)
	if err != nil {
		opened.close()
		return nil, err
	}
	if opened.Client, err = client.DialToSMTPClientWithContext(ctx); err != nil {
		opened.close()
		return nil, err
	}
	return opened, nil
}

func (s *SMTP) options(conn net.Conn) []gomail.Option {
	policy := gomail.TLSMandatory
	host := net.ParseIP(s.config.Host)
	switch {
	case s.config.ImplicitTLS: // is encrypted already
		policy = gomail.TLSOpportunistic
	case s.config.RootCAs != nil:
	case s.config.Port == relayPort,
		s.config.Host == "localhost", host != nil && host.IsLoopback():
		policy = gomail.TLSOpportunistic
	}
	options := []gomail.Option{
		gomail.WithPort(s.config.Port),
		gomail.WithTimeout(s.config.Timeout),
		gomail.WithTLSPolicy(policy),
		gomail.WithTLSConfig(s.config.TLS),
		gomail.WithHELO(s.greeting(conn.LocalAddr())),
		// The library's own address for dialling knows no IPv6.
		gomail.WithDialContextFunc(func(context.Context, string, string) (net.Conn, error) { return conn, nil }),
		// No address needs it, and a relay that is asked for it refuses the mail
		// where the next server lacks it.
		gomail.WithoutSMTPUTF8(),
	}
	if s.config.User != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(s.config.User), gomail.WithPassword(s.config.Password))
	}
	return options
}

func (s *SMTP) message(m Message) *gomail.Msg {
	message := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	// Not FromFormat: it puts the name between quotes as it is.
	message.FromMailAddress(&mail.Address{Name: m.From.Name, Address: m.From.Addr})
	message.AddToMailAddress(&mail.Address{Name: m.To.Name, Address: m.To.Addr})
	message.Subject(m.Subject)
	message.SetDateWithValue(s.config.Clock())
	message.SetMessageIDWithValue(stableMessageID(m))
	message.SetGenHeader("Auto-Submitted", "auto-generated") // keeps holiday notices from answering
	message.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		message.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return message
}

// stableMessageID gives a mail that is sent again the same Message-ID, by which
// mailboxes drop the second copy. It is a hash, because the recipient sees it.
func stableMessageID(m Message) string {
	sum := sha256.Sum256([]byte("tenant-provisioning/message-id\x00" + m.ID))
	domain := m.From.Addr[strings.LastIndexByte(m.From.Addr, '@')+1:]
	return hex.EncodeToString(sum[:16]) + "@" + domain
}
