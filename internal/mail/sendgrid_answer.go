package mail

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sendgrid/rest"

	"tenant-provisioning/internal/tenant"
)

// sent reads the answer to mail/send.
func (s *SendGrid) sent(response *rest.Response, m Message) (Receipt, error) {
	status, refusals := response.StatusCode, parseRefusals(response)
	switch {
	case status == http.StatusAccepted: // 200 is a dry run's, or a login page's
		id := http.Header(response.Headers).Get("X-Message-Id")
		return Receipt{Provider: providerSendGrid, ID: id}, nil
	case status == http.StatusBadRequest && refusals == nil:
		return Receipt{}, s.unexpected(status)
	case status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge:
		return Receipt{}, s.rejected(status, refusals, m)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return Receipt{}, s.denied(response, m)
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

// refusal is an entry of SendGrid's error document.
type refusal struct {
	Message string  `json:"message"`
	Field   *string `json:"field"`
}

// about reports that the refusal is of a field that begins so.
func (r refusal) about(field string) bool {
	return r.Field != nil && strings.HasPrefix(*r.Field, field)
}

// recipients reports that the refusal is of an address that the mail goes to.
func (r refusal) recipients() bool {
	return r.about("personalizations") && strings.Contains(*r.Field, ".to")
}

// parseRefusals is nil for an answer that is no error document.
func parseRefusals(response *rest.Response) []refusal {
	var document struct {
		Errors []refusal `json:"errors"`
	}
	if json.Unmarshal([]byte(response.Body), &document) != nil {
		return nil
	}
	for i, r := range document.Errors {
		if r.Message == http.StatusText(response.StatusCode) {
			document.Errors[i].Message = "" // the status in words
		}
	}
	return document.Errors
}

// saying is the first of the refusals that is chosen, with its words for a
// reason.
func saying(refusals []refusal, m Message, chosen func(refusal) bool) (found bool, words string) {
	for _, r := range refusals {
		if chosen(r) {
			return true, says(r.Message, m.private()...)
		}
	}
	return false, ""
}

func anyRefusal(refusal) bool { return true }

// denied is a quota that is used up (401, for the key would be good), a refused
// key (401), or a key without the permission or a sender that was not verified
// (403).
func (s *SendGrid) denied(response *rest.Response, m Message) error {
	status, refusals := response.StatusCode, parseRefusals(response)
	if used, words := saying(refusals, m, func(r refusal) bool { return saysQuota.MatchString(r.Message) }); used {
		return &ThrottledError{Provider: providerSendGrid, Reason: fmt.Sprintf(
			"has no credits left for this account (%d): buy more or wait for the next period%s", status, words)}
	}
	if sender, words := saying(refusals, m, func(r refusal) bool { return r.about("from") }); sender {
		return &AuthError{Provider: providerSendGrid, Reason: fmt.Sprintf("refused the sender's address (%d): MAIL_FROM must be a verified sender there%s", status, words)}
	}
	_, words := saying(refusals, m, anyRefusal)
	reason := fmt.Sprintf("refused the API key (401): check %sPASSWORD", s.config.SettingPrefix)
	if status == http.StatusForbidden {
		reason = fmt.Sprintf("forbids this (403): MAIL_FROM must be a verified sender there, and the key in %sPASSWORD must be allowed to send mail",
			s.config.SettingPrefix)
	}
	return &AuthError{Provider: providerSendGrid, Reason: reason + words}
}

func (s *SendGrid) unexpected(status int) error {
	return &UnavailableError{Provider: providerSendGrid,
		Reason: fmt.Sprintf("answered %d, which is not SendGrid's API: check SENDGRID_BASE_URL", status)}
}

// rejected reads which field was refused. A refused sender is about us: every
// other mail meets it too.
func (s *SendGrid) rejected(status int, refusals []refusal, m Message) error {
	if sender, words := saying(refusals, m, func(r refusal) bool { return r.about("from") }); sender {
		return &AuthError{Provider: providerSendGrid, Reason: fmt.Sprintf("refused the sender's address (%d): check MAIL_FROM%s", status, words)}
	}
	if recipient, words := saying(refusals, m, refusal.recipients); recipient {
		return &RejectedError{Provider: providerSendGrid, Part: PartRecipient,
			Reason: fmt.Sprintf("refused the recipient's address (%d): %s%s", status, tenant.ChangeAddress, words)}
	}
	_, words := saying(refusals, m, anyRefusal)
	return &RejectedError{Provider: providerSendGrid, Part: PartContent,
		Reason: fmt.Sprintf("refused the content of the mail (%d): %s%s", status, askProvider, words)}
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
