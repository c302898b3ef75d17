package mail

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sendgrid/rest"
	"github.com/sendgrid/sendgrid-go"
)

// Lookup asks Email Activity whether SendGrid took the mail with this id.
// sentAt is when the latest attempt to send it began; the zero time is long
// ago. An error means that it could not be asked now. Email Activity allows
// six questions a minute: ask only after a doubt.
func (s *SendGrid) Lookup(ctx context.Context, id string, sentAt time.Time) (Finding, error) {
	if !messageID.MatchString(id) {
		return Finding{Presence: Absent}, nil // Send lets no such id out
	}
	request := sendgrid.GetRequest(s.config.APIKey, "/v3/messages", s.config.BaseURL)
	request.Method = rest.Get
	request.QueryParams = map[string]string{
		"limit": "1",
		"query": fmt.Sprintf(`unique_args['%s']="%s"`, argumentKey, id),
	}
	response, _, err := s.do(ctx, request)
	if err != nil {
		return Finding{Presence: Unknown}, &UnavailableError{Provider: providerSendGrid,
			Reason: "cannot be asked about the mail now", Err: err}
	}
	switch status := response.StatusCode; status {
	case http.StatusOK:
		return s.found(response.Body, sentAt)
	case http.StatusForbidden, http.StatusNotFound:
		return Finding{Presence: Unknown}, nil // not part of the plan, or not of the key
	case http.StatusUnauthorized:
		return Finding{Presence: Unknown}, s.denied(response, Message{})
	case http.StatusTooManyRequests:
		return Finding{Presence: Unknown}, s.throttled(response)
	default:
		return Finding{Presence: Unknown}, &UnavailableError{Provider: providerSendGrid,
			Reason: fmt.Sprintf("cannot be asked about the mail now (%d)", status)}
	}
}

func (s *SendGrid) found(body string, sentAt time.Time) (Finding, error) {
	var activity struct {
		Messages []struct {
			ID string `json:"msg_id"`
		} `json:"messages"`
	}
	if err := json.Unmarshal([]byte(body), &activity); err != nil {
		return Finding{Presence: Unknown}, &UnavailableError{Provider: providerSendGrid,
			Reason: "answered about the mail in a form that cannot be read", Err: err}
	}
	switch {
	case len(activity.Messages) > 0:
		// What stands before the first dot is what Send was given.
		id, _, _ := strings.Cut(activity.Messages[0].ID, ".")
		return Finding{Presence: Found, Receipt: Receipt{Provider: providerSendGrid, ID: id}}, nil
	case s.config.Clock().Sub(sentAt) < s.config.ActivityDelay:
		return Finding{Presence: Pending}, nil
	}
	return Finding{Presence: Absent}, nil
}
