package mail_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	stdmail "net/mail"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
)

const (
	smtpUser     = "submitter"
	smtpPassword = "submitter-password"
)

// smtpServer is a mail server with STARTTLS and a login, whose behaviour a
// test can break.
type smtpServer struct {
	host  string
	port  int
	roots *x509.CertPool

	server   *smtp.Server
	listener net.Listener

	mu         sync.Mutex
	mails      []delivered
	messageIDs []string
	refused    string          // RCPT is refused for this address
	reply      *smtp.SMTPError // instead of an answer to DATA
	lose       bool            // the connection ends after the mail was taken
	hold       chan struct{}   // the answer after DATA waits for it
	waiting    int
}

// smtpKind is what the server offers.
type smtpKind int

const (
	withSTARTTLS smtpKind = iota // and a login
	implicitTLS                  // and a login
	loginInClear                 // a login without TLS
	openRelay                    // neither TLS nor login
)

// newSMTPServer starts a server that ends with the test.
func newSMTPServer(t *testing.T, kind smtpKind) *smtpServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return newSMTPServerOn(t, kind, listener)
}

// newSMTPServerOn is newSMTPServer on another address.
func newSMTPServerOn(t *testing.T, kind smtpKind, listener net.Listener) *smtpServer {
	t.Helper()
	address := listener.Addr().(*net.TCPAddr)
	s := &smtpServer{host: address.IP.String(), port: address.Port}
	s.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		if kind == openRelay {
			return &session{server: s, conn: c, authenticated: true}, nil
		}
		return &loginSession{session{server: s, conn: c}}, nil
	}))
	s.server.Domain = "mx.example.org"
	s.server.EnableSMTPUTF8 = true
	s.server.ErrorLog = quiet{}
	s.server.AllowInsecureAuth = kind == loginInClear
	if kind == withSTARTTLS || kind == implicitTLS {
		certified := httptest.NewTLSServer(nil)
		t.Cleanup(certified.Close)
		config := &tls.Config{Certificates: certified.TLS.Certificates, MinVersion: tls.VersionTLS12}
		s.roots = x509.NewCertPool()
		s.roots.AddCert(certified.Certificate())
		if kind == implicitTLS {
			listener = tls.NewListener(listener, config)
		} else {
			s.server.TLSConfig = config
		}
	}
	s.listener = listener
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = s.server.Serve(listener) // ends with ErrServerClosed
	}()
	t.Cleanup(func() {
		s.release()
		s.stop()
		<-served
	})
	return s
}

// stop ends the server as an outage does. The listener is closed by hand: the
// library does not know it before its goroutine has run.
func (s *smtpServer) stop() {
	_ = s.listener.Close()
	_ = s.server.Close()
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

func (s *smtpServer) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// received is what the server has taken.
func (s *smtpServer) received() (mails []delivered) {
	s.set(func() { mails = slices.Clone(s.mails) })
	return mails
}

func (s *smtpServer) release() {
	s.set(func() {
		if s.hold != nil {
			close(s.hold)
			s.hold = nil
		}
	})
}

// session is one connection.
type session struct {
	server        *smtpServer
	conn          *smtp.Conn
	authenticated bool
	to            string
}

// loginSession offers AUTH PLAIN.
type loginSession struct{ session }

func (s *loginSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *loginSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != smtpUser || password != smtpPassword {
			return smtp.ErrAuthFailed
		}
		s.authenticated = true
		return nil
	}), nil
}

func (s *session) Reset()        { s.to = "" }
func (s *session) Logout() error { return nil }

func (s *session) Mail(_ string, options *smtp.MailOptions) error {
	if options.UTF8 {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 6, 7}, Message: "the next server does not take SMTPUTF8"}
	}
	if !s.authenticated {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	if to == s.server.refused {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no mailbox " + to}
	}
	s.to = to
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	server := s.server
	server.mu.Lock()
	if server.reply != nil {
		defer server.mu.Unlock()
		return server.reply
	}
	mail, messageID := parseMail(s.to, string(raw))
	server.mails = append(server.mails, mail)
	server.messageIDs = append(server.messageIDs, messageID)
	hold, lose := server.hold, server.lose
	if hold != nil {
		server.waiting++
	}
	server.mu.Unlock()
	if hold != nil {
		<-hold
	}
	if lose {
		_ = s.conn.Conn().Close()
	}
	return nil
}

// parseMail reads a mail as a recipient's program does.
func parseMail(to, raw string) (delivered, string) {
	message, err := stdmail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		panic(err)
	}
	decode := new(mime.WordDecoder).DecodeHeader
	subject, err := decode(message.Header.Get("Subject"))
	if err != nil {
		panic(err)
	}
	from, err := message.Header.AddressList("From")
	if err != nil {
		panic(err)
	}
	mail := delivered{To: to, Subject: subject, FromName: from[0].Name}
	if names, err := message.Header.AddressList("To"); err == nil {
		mail.ToName = names[0].Name
	}
	_, params, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		panic(err)
	}
	parts := multipart.NewReader(message.Body, params["boundary"])
	for part, err := parts.NextRawPart(); err == nil; part, err = parts.NextRawPart() {
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			panic(err)
		}
		text := strings.ReplaceAll(string(body), "\r\n", "\n")
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
			mail.HTML = text
		} else {
			mail.Text = text
		}
	}
	return mail, message.Header.Get("Message-Id")
}
