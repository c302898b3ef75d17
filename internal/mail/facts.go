package mail

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sendgrid/rest"
	"github.com/sendgrid/sendgrid-go"

	"tenant-provisioning/internal/doctor"
)

// Facts tells about a provider, for who judges whether mails could leave from an
// address. Nothing is sent.
type Facts struct {
	provider examined
	from     string
}

var _ doctor.Mail = Facts{}

// examined is a provider that can be looked at more closely.
type examined interface {
	Provider
	server(ctx context.Context) (doctor.MailServer, error)
	sender(ctx context.Context, from string) (doctor.MailSender, error)
	clock(ctx context.Context) (doctor.Clock, bool, error)
}

// NewFacts looks at an *SMTP or a *SendGrid.
func NewFacts(p Provider, from string) (Facts, error) {
	provider, ok := p.(examined)
	if !ok {
		return Facts{}, fmt.Errorf("a %T cannot be looked at", p)
	}
	return Facts{provider, from}, nil
}

// Server asks whether a mail could leave.
func (f Facts) Server(ctx context.Context) (doctor.MailServer, error) { return f.provider.server(ctx) }

// Sender asks whether it could leave from the address.
func (f Facts) Sender(ctx context.Context) (doctor.MailSender, error) {
	return f.provider.sender(ctx, f.from)
}

// Clock asks for the time.
func (f Facts) Clock(ctx context.Context) (doctor.Clock, bool, error) { return f.provider.clock(ctx) }

func (s *SMTP) server(ctx context.Context) (doctor.MailServer, error) {
	found := doctor.MailServer{
		Name:     "the SMTP server " + net.JoinHostPort(s.config.Host, strconv.Itoa(s.config.Port)),
		LoggedIn: s.config.User != "", SameMachine: onLoopback(s.config.Host),
	}
	began := time.Now()
	err := s.converse(ctx, func(session *session) error {
		found.Latency = time.Since(began)
		_, found.Encrypted = session.TLSConnectionState()
		if _, implicit := session.conn.(*tls.Conn); implicit {
			found.Encrypted = true
		}
		return nil
	})
	return found, err
}

// sender begins a mail and takes it back. Some servers judge the sender only with
// the recipient, or with the mail.
func (s *SMTP) sender(ctx context.Context, from string) (doctor.MailSender, error) {
	found := doctor.MailSender{Address: from, Verified: "the server has nothing against it so far"}
	err := s.converse(ctx, func(session *session) error {
		if err := session.Mail("<" + from + ">"); err != nil {
			err = s.failed(atSender, Message{From: Address{Addr: from}}, err)
			var rejected *RejectedError
			var denied *AuthError
			if errors.As(err, &rejected) || errors.As(err, &denied) {
				found.Refusal = err.Error()
				return nil
			}
			return err
		}
		_ = session.Reset() // the connection ends anyway, and nothing was sent
		return nil
	})
	return found, err
}

func (s *SMTP) clock(context.Context) (doctor.Clock, bool, error) { return doctor.Clock{}, false, nil }

// converse does something between login and goodbye.
func (s *SMTP) converse(ctx context.Context, do func(*session) error) error {
	session, err := s.connect(ctx)
	if err != nil {
		return s.dialFailed(err)
	}
	defer session.close()
	if err := do(session); err != nil {
		return err
	}
	_ = session.Quit() // the answer is known
	return nil
}

func (s *SendGrid) server(ctx context.Context) (doctor.MailServer, error) {
	began := time.Now()
	if err := s.Probe(ctx); err != nil {
		return doctor.MailServer{}, err
	}
	base, err := url.Parse(s.config.BaseURL)
	if err != nil {
		return doctor.MailServer{}, errors.New("SENDGRID_BASE_URL is no web address")
	}
	return doctor.MailServer{
		Name: "SendGrid at " + s.config.BaseURL, Latency: time.Since(began), LoggedIn: true,
		Encrypted: strings.HasPrefix(s.config.BaseURL, "https:"), SameMachine: onLoopback(base.Hostname()),
	}, nil
}

// sender asks for the domains and the single addresses that were verified. A key
// that may only send is not told.
func (s *SendGrid) sender(ctx context.Context, from string) (doctor.MailSender, error) {
	found := doctor.MailSender{Address: from}
	_, domain, _ := strings.Cut(from, "@")
	var domains []struct {
		Domain string `json:"domain"`
		Valid  bool   `json:"valid"`
	}
	toldOfDomains, err := s.list(ctx, "/v3/whitelabel/domains", &domains)
	if err != nil {
		return found, err
	}
	for _, d := range domains {
		if d.Valid && strings.EqualFold(d.Domain, domain) {
			found.Verified = "its domain is authenticated"
			return found, nil
		}
	}
	var senders struct {
		Results []struct {
			From     string `json:"from_email"`
			Verified bool   `json:"verified"`
		} `json:"results"`
	}
	toldOfSenders, err := s.list(ctx, "/v3/verified_senders", &senders)
	if err != nil {
		return found, err
	}
	for _, one := range senders.Results {
		if one.Verified && strings.EqualFold(one.From, from) {
			found.Verified = "a verified sender"
			return found, nil
		}
	}
	// It may be verified in what was not told.
	if toldOfDomains && toldOfSenders {
		found.Refusal = "SendGrid has neither its domain nor the address as verified"
	} else {
		found.Unknown = true
	}
	return found, nil
}

// list reads a list; told is false where the key may not, or there is none.
func (s *SendGrid) list(ctx context.Context, path string, into any) (told bool, err error) {
	response, err := s.get(ctx, path)
	if err != nil {
		return false, err
	}
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return false, nil
	default:
		return false, &UnavailableError{Provider: providerSendGrid, Reason: fmt.Sprintf("does not tell its senders now (%d)", response.StatusCode)}
	}
	if err := json.Unmarshal([]byte(response.Body), into); err != nil {
		return false, s.unexpected(response.StatusCode)
	}
	return true, nil
}

func (s *SendGrid) get(ctx context.Context, path string) (*rest.Response, error) {
	request := sendgrid.GetRequest(s.config.APIKey, path, s.config.BaseURL)
	request.Method = rest.Get
	response, _, err := s.do(ctx, request)
	if err != nil {
		return nil, &UnavailableError{Provider: providerSendGrid, Reason: "not reachable", Err: err}
	}
	return response, nil
}

// clock reads the date of an answer, which counts whole seconds.
func (s *SendGrid) clock(ctx context.Context) (doctor.Clock, bool, error) {
	asked := s.config.Clock()
	response, err := s.get(ctx, "/v3/scopes")
	if err != nil {
		return doctor.Clock{}, false, err
	}
	at, err := http.ParseTime(http.Header(response.Headers).Get("Date"))
	if err != nil {
		return doctor.Clock{}, false, nil //nolint:nilerr // it tells no time
	}
	return doctor.ClockAt(at, asked, s.config.Clock(), time.Second), true, nil
}

func onLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
