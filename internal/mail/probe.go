package mail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/sendgrid/rest"
	"github.com/sendgrid/sendgrid-go"
)

// Probe asks whether a mail could leave now. Nothing is sent.
func (p *Postman) Probe(ctx context.Context) error { return p.config.Provider.Probe(ctx) }

// scopeSend is the permission "Mail Send".
const scopeSend = "mail.send"

// Probe asks SendGrid whether the key may send mail. Whether MAIL_FROM is a
// verified sender is not asked: the permission for that question is one that a
// key which only sends does not have.
func (s *SendGrid) Probe(ctx context.Context) error {
	request := sendgrid.GetRequest(s.config.APIKey, "/v3/scopes", s.config.BaseURL)
	request.Method = rest.Get
	response, _, err := s.do(ctx, request)
	switch {
	case err != nil:
		return &UnavailableError{Provider: providerSendGrid, Reason: "not reachable", Err: err}
	case response.StatusCode == http.StatusUnauthorized:
		return s.denied(response, Message{})
	case response.StatusCode == http.StatusTooManyRequests:
		return s.throttled(response)
	case response.StatusCode >= http.StatusInternalServerError:
		return &UnavailableError{Provider: providerSendGrid, Reason: fmt.Sprintf("not in service (%d)", response.StatusCode)}
	case response.StatusCode != http.StatusOK:
		return nil // it answers, and knows the key
	}
	var may struct {
		Scopes []string `json:"scopes"`
	}
	if err := json.Unmarshal([]byte(response.Body), &may); err != nil || may.Scopes == nil {
		return s.unexpected(response.StatusCode)
	}
	if !slices.Contains(may.Scopes, scopeSend) {
		return s.denied(&rest.Response{StatusCode: http.StatusForbidden}, Message{})
	}
	return nil
}

// Probe connects, greets and logs in, as a mail would begin.
func (s *SMTP) Probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	session, err := s.connect(ctx)
	if err != nil {
		return s.dialFailed(err)
	}
	defer session.close()
	_ = session.Quit() // the answer is known
	return nil
}

// Probe succeeds when either server would take a mail.
func (f *Failover) Probe(ctx context.Context) error {
	err := f.config.Primary.Probe(ctx)
	if err == nil {
		return nil
	}
	backupErr := f.config.Backup.Probe(ctx)
	if backupErr == nil {
		return nil
	}
	return errors.Join(err, backupErr)
}
