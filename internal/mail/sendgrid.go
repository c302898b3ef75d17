package mail

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sendgrid/rest"
	"github.com/sendgrid/sendgrid-go"
	sgmail "github.com/sendgrid/sendgrid-go/helpers/mail"
)

const (
	providerSendGrid = "sendgrid"

	// argumentKey is the custom argument that carries Message.ID. SendGrid
	// keeps custom arguments for long and in clear: nothing personal goes in.
	argumentKey = "tenant_provisioning_message_id"
)

// SendGridConfig says how to reach SendGrid's v3 web API.
type SendGridConfig struct {
	// APIKey needs the permission "Mail Send"; with "Email Activity" too, a
	// mail whose answer was lost is not sent twice.
	APIKey string
	// BaseURL defaults to https://api.sendgrid.com.
	BaseURL string
	// RootCAs sign the API's certificate. Nil: the system's roots do.
	RootCAs *x509.CertPool
	// VerifyConnection sees each connection, as tls.Config's does.
	VerifyConnection func(tls.ConnectionState) error
	// Timeout bounds one request. Defaults to 10 s, so that a request, the
	// look-ups around it and the backup fit into the 45 s of an attempt.
	Timeout time.Duration
	// ActivityDelay is how old an attempt must be before Email Activity is
	// believed when it does not know a mail. Zero is 30 s, three times the
	// time-out of a request: by then one that was under way has ended. SendGrid
	// publishes no figure for its own delay; negative believes at once. Longer
	// delays the repeat of a lost mail, shorter risks a second copy, which
	// carries the same link and does no harm.
	ActivityDelay time.Duration
	// Clock defaults to time.Now.
	Clock func() time.Time
	// SettingPrefix is how errors name the settings. Defaults to "MAIL_".
	SettingPrefix string
}

// SendGrid sends through SendGrid's v3 web API. It is safe for concurrent use.
type SendGrid struct {
	config SendGridConfig
	client *rest.Client
}

// NewSendGrid checks the configuration; it does not connect.
func NewSendGrid(config SendGridConfig) (*SendGrid, error) {
	config.BaseURL = strings.TrimRight(cmp.Or(config.BaseURL, "https://api.sendgrid.com"), "/")
	config.Timeout = cmp.Or(config.Timeout, 10*time.Second)
	config.ActivityDelay = cmp.Or(config.ActivityDelay, 30*time.Second)
	config.SettingPrefix = cmp.Or(config.SettingPrefix, "MAIL_")
	if config.Clock == nil {
		config.Clock = time.Now
	}
	if config.APIKey == "" {
		return nil, fmt.Errorf("sendgrid: %sPASSWORD is required, the API key", config.SettingPrefix)
	}
	base, err := url.Parse(config.BaseURL)
	if err != nil || (base.Scheme != "https" && base.Scheme != "http") || base.Host == "" {
		return nil, errors.New("sendgrid: SENDGRID_BASE_URL is not a web address such as https://api.sendgrid.com")
	}
	return &SendGrid{config: config, client: &rest.Client{HTTPClient: newHTTPClient(config)}}, nil
}

// newHTTPClient has no time-out of its own: each call has its context. A
// redirect is an answer, not something to follow with the key in hand.
func newHTTPClient(c SendGridConfig) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: c.RootCAs, MinVersion: tls.VersionTLS12, VerifyConnection: c.VerifyConnection}
	transport.MaxIdleConnsPerHost = 16
	// Shorter than what load balancers allow (60 s is usual): a request on a
	// connection that the other side just closed would end in doubt.
	transport.IdleConnTimeout = 30 * time.Second
	return &http.Client{
		Transport: shortAnswers{transport},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// maxAnswer bounds what is read of an answer, in bytes. SendGrid's to mail/send
// are empty or list some errors; one entry of Email Activity is below 1 KiB.
const maxAnswer = 1 << 20

// shortAnswers cuts answers off: the library reads whatever comes into memory.
type shortAnswers struct{ http.RoundTripper }

func (s shortAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := s.RoundTripper.RoundTrip(r)
	if err == nil {
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(response.Body, maxAnswer), response.Body}
	}
	return response, err
}

// Send hands the mail to SendGrid once. Its errors are those of this package.
func (s *SendGrid) Send(ctx context.Context, m Message) (Receipt, error) {
	m, err := m.checked(providerSendGrid)
	if err != nil {
		return Receipt{}, err
	}
	request := sendgrid.GetRequest(s.config.APIKey, "/v3/mail/send", s.config.BaseURL)
	request.Method = rest.Post
	request.Body = sgmail.GetRequestBody(sendGridMail(m))
	response, left, err := s.do(ctx, request)
	switch {
	case response != nil: // its status counts, even if the rest was lost
		return s.sent(response, m)
	case left:
		return Receipt{}, &UncertainError{Provider: providerSendGrid, Reason: "no answer, the mail may have been taken", Err: err}
	default:
		return Receipt{}, &UnavailableError{Provider: providerSendGrid, Reason: "not reachable, the mail was not sent", Err: err}
	}
}

// do also tells whether any of the request can have left this machine. The
// library's own client has no time-out and its Client type is not safe for
// concurrent use: only its request is used.
func (s *SendGrid) do(ctx context.Context, request rest.Request) (_ *rest.Response, left bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	var wrote atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		// The transport looks for another connection by itself only if
		// nothing went out on the first one.
		GetConn:      func(string) { wrote.Store(false) },
		WroteHeaders: func() { wrote.Store(true) },
	})
	response, err := s.client.SendWithContext(ctx, request)
	var urlError *url.Error
	if errors.As(err, &urlError) {
		err = urlError.Err // without the address, which holds the query
	}
	return response, wrote.Load(), err
}

func sendGridMail(m Message) *sgmail.SGMailV3 {
	to := sgmail.NewPersonalization()
	to.AddTos(sgmail.NewEmail(m.To.Name, m.To.Addr))
	mail := sgmail.NewV3Mail().
		SetFrom(sgmail.NewEmail(m.From.Name, m.From.Addr)).
		AddPersonalizations(to).
		AddContent(sgmail.NewContent("text/plain", m.Text)).
		SetCustomArg(argumentKey, m.ID).
		// Keeps holiday notices from answering.
		SetHeader("Auto-Submitted", "auto-generated").
		// A tracked link is another link: it would pass a one-time link to a
		// third party, and be followed by that party's scanners.
		SetTrackingSettings(sgmail.NewTrackingSettings().
			SetClickTracking(sgmail.NewClickTrackingSetting().SetEnable(false).SetEnableText(false)).
			SetOpenTracking(sgmail.NewOpenTrackingSetting().SetEnable(false)).
			SetSubscriptionTracking(sgmail.NewSubscriptionTrackingSetting().SetEnable(false)).
			SetGoogleAnalytics(sgmail.NewGaSetting().SetEnable(false)))
	if m.HTML != "" {
		mail.AddContent(sgmail.NewContent("text/html", m.HTML))
	}
	mail.Subject = m.Subject
	return mail
}
