package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// message is a mail in the catcher.
type message struct {
	ID      string `json:"id"`
	To      string `json:"to"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
}

// caughtMail lists the mails in the catcher, oldest first.
func caughtMail(ctx context.Context, catcher string) ([]message, error) {
	var messages []message
	response, err := get(ctx, strings.TrimRight(catcher, "/")+"/messages")
	if err != nil {
		return nil, fmt.Errorf("ask the mail catcher: %w", err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&messages); err != nil {
		return nil, fmt.Errorf("read the mail catcher's answer: %w", err)
	}
	return messages, nil
}

var invitationLink = regexp.MustCompile(`https?://\S+/invitations/[A-Za-z0-9_-]+`)

// invitation finds the welcome mail of a tenant, and the link in it. A later
// run mails to the same people: the name tells the runs apart.
func invitation(messages []message, l line) (link string, err error) {
	for i := len(messages) - 1; i >= 0; i-- {
		m := messages[i]
		if m.To != l.email || !mentions(m, l.name) {
			continue
		}
		if link := invitationLink.FindString(m.Text); link != "" {
			return link, nil
		}
		return "", fmt.Errorf("the mail to %s has no invitation link in its text", l.email)
	}
	return "", fmt.Errorf("there is no mail to %s about %s in the catcher", l.email, l.name)
}

// mentions tells whether the mail is about a tenant of exactly this name, and
// not about one of another round, whose name begins the same way.
func mentions(m message, name string) bool {
	for _, text := range []string{m.Subject, m.Text} {
		for rest := text; ; {
			_, after, found := strings.Cut(rest, name)
			if !found {
				break
			}
			if !strings.HasPrefix(after, " (") {
				return true
			}
			rest = after
		}
	}
	return false
}

// opens asks for a page as a browser would.
func opens(ctx context.Context, url string) error {
	response, err := get(ctx, url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if !strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") {
		return fmt.Errorf("%s is no page but %s", url, response.Header.Get("Content-Type"))
	}
	return nil
}

// pageTimeout is more than a page or the catcher takes.
const pageTimeout = 10 * time.Second

// get makes a request that must be answered with 200.
func get(ctx context.Context, url string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("make a request to %s: %w", url, err)
	}
	response, err := (&http.Client{Timeout: pageTimeout}).Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		_ = response.Body.Close() // nothing of it is wanted
		return nil, fmt.Errorf("%s answers %s", url, response.Status)
	}
	return response, nil
}
