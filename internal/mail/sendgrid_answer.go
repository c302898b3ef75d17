package mail

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sendgrid/rest"
)

// sent reads the answer to mail/send.
func (s *SendGrid) sent(response *rest.Response) (Receipt, error) {
	status := response.StatusCode
	switch {
	case status == http.StatusAccepted: // 200 is a dry run's, or a login page's
		id := http.Header(response.Headers).Get("X-Message-Id")
		return Receipt{Provider: providerSendGrid, ID: id}, nil
	case status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge:
		return Receipt{}, s.rejected(response)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return Receipt{}, s.denied(status)
	case status == http.StatusTooManyRequests:
		return Receipt{}, s.throttled(response)
	case status == http.StatusServiceUnavailable:
		return Receipt{}, &UnavailableError{Provider: providerSendGrid, Reason: "takes no mail at present (503)"}
	case status >= http.StatusInternalServerError:
		// The error may have come after the mail was queued, or from a gateway
		// that lost the answer.
		return Receipt{}, &UncertainError{Provider: providerSendGrid,
			Reason: fmt.Sprintf("failed inside (%d), the mail may have been taken", status)}
	default:
		return Receipt{}, s.unexpected(status)
	}
}

// denied is a refused key (401), or a key without the permission or a sender
// that was not verified (403).
func (s *SendGrid) denied(status int) error {
	reason := fmt.Sprintf("refused the API key (401): check %sPASSWORD", s.config.SettingPrefix)
	if status == http.StatusForbidden {
		reason = fmt.Sprintf("forbids this (403): MAIL_FROM must be a verified sender there, and the key in %sPASSWORD must be allowed to send mail",
			s.config.SettingPrefix)
	}
	return &AuthError{Provider: providerSendGrid, Reason: reason}
}

func (s *SendGrid) unexpected(status int) error {
	return &UnavailableError{Provider: providerSendGrid,
		Reason: fmt.Sprintf("answered %d, which is not SendGrid's API: check SENDGRID_BASE_URL", status)}
}

// rejected reads which field was refused. The message beside it is not passed
// on: it may quote the address.
func (s *SendGrid) rejected(response *rest.Response) error {
	var answer struct {
		Errors []struct {
			Field *string `json:"field"`
		} `json:"errors"`
	}
	// An answer that cannot be read leaves the part at content.
	_ = json.Unmarshal([]byte(response.Body), &answer)
	rejected := &RejectedError{Provider: providerSendGrid, Part: PartContent,
		Reason: fmt.Sprintf("refused the content of the mail (%d)", response.StatusCode)}
	for _, e := range answer.Errors {
		if e.Field == nil {
			continue
		}
		switch {
		case strings.HasPrefix(*e.Field, "personalizations") && strings.Contains(*e.Field, ".to"):
			rejected.Part = PartRecipient
			rejected.Reason = "refused the recipient's address (400): " + changeAddress
			return rejected
		case strings.HasPrefix(*e.Field, "from"):
			rejected.Part = PartSender
			rejected.Reason = "refused the sender's address (400): check MAIL_FROM"
		}
	}
	return rejected
}

// longestPause is the longest that a limit is believed, as long as the pauses
// between attempts get anyway: a step whose next attempt would come after its
// budget parks at once, for a limit or a clock that may be mended in a minute.
const longestPause = 5 * time.Minute

// throttled reads the two headers that say when the limit is lifted.
func (s *SendGrid) throttled(response *rest.Response) error {
	headers := http.Header(response.Headers)
	throttled := &ThrottledError{Provider: providerSendGrid, Reason: "takes no more requests for now (429)"}
	if seconds, err := strconv.Atoi(headers.Get("Retry-After")); err == nil {
		throttled.RetryAfter = time.Duration(seconds) * time.Second
	} else if reset, err := strconv.ParseInt(headers.Get("X-RateLimit-Reset"), 10, 64); err == nil {
		throttled.RetryAfter = time.Unix(reset, 0).Sub(s.config.Clock())
	}
	throttled.RetryAfter = min(max(0, throttled.RetryAfter), longestPause)
	return throttled
}
