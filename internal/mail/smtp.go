package mail

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
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
	// TLS is for servers whose certificate no system root signs. Defaults to
	// the system's roots, TLS 1.2 and the host's name.
	TLS *tls.Config
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
	if config.TLS == nil {
		config.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	config.TLS = config.TLS.Clone()
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
	var line connection
	defer line.close()
	client, err := gomail.NewClient(s.config.Host, s.options(ctx, &line)...)
	if err != nil {
		return Receipt{}, &UnavailableError{Provider: providerSMTP, Reason: "the settings do not fit together", Err: err}
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return Receipt{}, s.dialFailed(err)
	}
	if err := client.SendWithSMTPClient(session, message); err != nil {
		return Receipt{}, s.sendFailed(err)
	}
	_ = session.Quit() // the mail is taken; a lost goodbye changes nothing
	return Receipt{Provider: providerSMTP, ID: message.GetMessageID()}, nil
}

// Lookup is always Unknown: SMTP has no question for it.
func (s *SMTP) Lookup(context.Context, string, time.Time) (Finding, error) {
	return Finding{Presence: Unknown}, nil
}

func (s *SMTP) options(ctx context.Context, line *connection) []gomail.Option {
	policy := gomail.TLSMandatory
	host := net.ParseIP(s.config.Host)
	switch {
	case s.config.ImplicitTLS, // is encrypted already
		s.config.Port == relayPort,
		s.config.Host == "localhost", host != nil && host.IsLoopback():
		policy = gomail.TLSOpportunistic
	}
	options := []gomail.Option{
		gomail.WithPort(s.config.Port),
		gomail.WithTimeout(s.config.Timeout),
		gomail.WithTLSPolicy(policy),
		gomail.WithTLSConfig(s.config.TLS),
		gomail.WithDialContextFunc(func(dialing context.Context, network, _ string) (net.Conn, error) {
			return s.dial(dialing, ctx, line, network)
		}),
		gomail.WithoutNoop(), gomail.WithoutRset(), // a connection is for one mail
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

// connection ends with its context: the library only looks at the context
// while it dials.
type connection struct {
	net.Conn
	stop func() bool
}

func (c *connection) close() {
	if c.Conn != nil {
		c.stop()
		_ = c.Conn.Close()
	}
}

// dial does not use the library's address, which knows no IPv6.
func (s *SMTP) dial(dialing, sending context.Context, line *connection, network string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(dialing, network, net.JoinHostPort(s.config.Host, strconv.Itoa(s.config.Port)))
	if err != nil {
		return nil, err
	}
	if s.config.ImplicitTLS {
		conn = tls.Client(conn, s.config.TLS)
	}
	line.Conn = conn
	line.stop = context.AfterFunc(sending, func() { _ = conn.Close() })
	return conn, nil
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
