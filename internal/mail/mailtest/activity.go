package mailtest

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// activityEntry is one message in SendGrid's Email Activity.
type activityEntry struct {
	FromEmail     string    `json:"from_email"`
	MsgID         string    `json:"msg_id"`
	Subject       string    `json:"subject"`
	ToEmail       string    `json:"to_email"`
	Status        string    `json:"status"`
	OpensCount    int       `json:"opens_count"`
	ClicksCount   int       `json:"clicks_count"`
	LastEventTime time.Time `json:"last_event_time"`
}

// activity answers GET /v3/messages, newest first.
func (c *Catcher) activity(w http.ResponseWriter, r *http.Request) {
	if status := c.faults.activityStatus(); status != 0 {
		writeErrors(w, status, apiError{Message: http.StatusText(status)})
		return
	}
	limit, err := activityLimit(r.URL.Query().Get("limit"))
	if err != nil {
		writeErrors(w, http.StatusBadRequest, fieldError("limit", "", err.Error()))
		return
	}
	matches, err := parseQuery(r.URL.Query().Get("query"))
	if err != nil {
		writeErrors(w, http.StatusBadRequest, fieldError("query", "", err.Error()))
		return
	}
	visible := c.clock().Add(-c.faults.activityDelay())
	entries := []activityEntry{}
	all := c.store.all()
	for i := len(all) - 1; i >= 0 && len(entries) < limit; i-- {
		m := all[i]
		if m.ReceivedAt.After(visible) || !matches(m) {
			continue
		}
		entries = append(entries, activityEntry{
			FromEmail: m.From, MsgID: m.activityID(), Subject: m.Subject, ToEmail: m.To,
			Status: "delivered", LastEventTime: m.ReceivedAt,
		})
	}
	writeJSON(w, http.StatusOK, map[string][]activityEntry{"messages": entries})
}

// scopes tells a key's owner what it may do.
func (c *Catcher) scopes(w http.ResponseWriter, _ *http.Request) {
	scopes := []string{"user.profile.read"}
	if !c.faults.sendingDenied() {
		scopes = append(scopes, "mail.send")
	}
	if c.faults.activityStatus() != http.StatusForbidden {
		scopes = append(scopes, "messages.read")
	}
	writeJSON(w, http.StatusOK, map[string][]string{"scopes": scopes})
}

// activityLimit is 1 to 1000, 10 by default, as documented.
func activityLimit(value string) (int, error) {
	if value == "" {
		return 10, nil
	}
	limit, err := strconv.Atoi(value)
	if err != nil || limit < 1 || limit > 1000 {
		return 0, fmt.Errorf("limit must be a number from 1 to 1000")
	}
	return limit, nil
}

// term is one comparison of SendGrid's query language; terms are joined by AND
// and may stand in parentheses.
var term = regexp.MustCompile(`^\(?\s*(?:unique_args\['([^'\]]+)'\]|(\w+))\s*(=|LIKE)\s*(?:"([^"]*)"|'([^']*)')\s*\)?$`)

var conjunction = regexp.MustCompile(`(?i)\s+AND\s+`)

// parseQuery understands what finds one message: msg_id, from_email, to_email,
// subject, status and unique_args['name'], by = or LIKE with a trailing %.
func parseQuery(query string) (func(Message) bool, error) {
	if query == "" {
		return func(Message) bool { return true }, nil
	}
	var terms []func(Message) bool
	for _, part := range conjunction.Split(query, -1) {
		match := term.FindStringSubmatch(strings.TrimSpace(part))
		if match == nil {
			return nil, fmt.Errorf("could not parse query near %q", part)
		}
		argument, field, operator, wanted := match[1], match[2], match[3], match[4]+match[5]
		value, err := fieldReader(argument, field)
		if err != nil {
			return nil, err
		}
		prefix, isPrefix := strings.CutSuffix(wanted, "%")
		if operator == "LIKE" && isPrefix {
			terms = append(terms, func(m Message) bool { return strings.HasPrefix(value(m), prefix) })
			continue
		}
		terms = append(terms, func(m Message) bool { return value(m) == wanted })
	}
	return func(m Message) bool {
		for _, holds := range terms {
			if !holds(m) {
				return false
			}
		}
		return true
	}, nil
}

func fieldReader(argument, field string) (func(Message) string, error) {
	if argument != "" {
		return func(m Message) string { return m.CustomArgs[argument] }, nil
	}
	readers := map[string]func(Message) string{
		"msg_id":     Message.activityID,
		"from_email": func(m Message) string { return m.From },
		"to_email":   func(m Message) string { return m.To },
		"subject":    func(m Message) string { return m.Subject },
		"status":     func(Message) string { return "delivered" },
	}
	read, ok := readers[field]
	if !ok {
		return nil, fmt.Errorf("unknown field %q in query", field)
	}
	return read, nil
}
