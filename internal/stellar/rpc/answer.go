package rpc

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

// maxWords bounds what is kept of a server's own words, in characters.
const maxWords = 200

var (
	pageTitle = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)
	pageTag   = regexp.MustCompile(`(?s)<[^>]*>`)
)

// words are what a server says in an answer outside of its protocol: the
// message of a JSON error, the title of a web page, or the text as it is. They
// are bounded, of one line, and without what the server's URL may have of a key.
func (c *Client) words(raw []byte) string {
	text := string(raw)
	if message := jsonMessage(raw); message != "" {
		text = message
	} else if title := pageTitle.FindStringSubmatch(text); title != nil {
		text = title[1]
	} else if strings.HasPrefix(strings.TrimSpace(text), "<") {
		text = pageTag.ReplaceAllString(text, " ")
	}
	return c.plain(text)
}

// jsonMessage is what the usual forms of a JSON error have for people.
func jsonMessage(raw []byte) string {
	var body map[string]json.RawMessage
	if json.Unmarshal(raw, &body) != nil {
		return ""
	}
	for _, name := range []string{"error", "message", "detail", "title"} {
		var text string
		if json.Unmarshal(body[name], &text) == nil && text != "" {
			return text
		}
		if nested := jsonMessage(body[name]); nested != "" {
			return nested
		}
	}
	return ""
}

// plain makes a server's words fit for a line that people read.
func (c *Client) plain(text string) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	for _, secret := range c.secrets() {
		text = strings.ReplaceAll(text, secret, "…")
	}
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if cut := []rune(text); len(cut) > maxWords {
		text = string(cut[:maxWords]) + "…"
	}
	return text
}

// minSecret is the shortest part of a URL that is taken for a key: "v1" and
// "rpc" are words.
const minSecret = 8

// secrets are the parts of the server's URL that may be a key: a server or a
// gateway may repeat in an answer what it was asked.
func (c *Client) secrets() []string {
	u, err := url.Parse(c.cfg.URL)
	if err != nil {
		return []string{c.cfg.URL}
	}
	parts := []string{c.cfg.URL, u.RequestURI(), u.RawQuery, u.Hostname()}
	if password, set := u.User.Password(); set {
		parts = append(parts, password)
	}
	parts = append(parts, u.User.Username())
	parts = append(parts, strings.Split(u.Path, "/")...)
	for _, values := range u.Query() {
		parts = append(parts, values...)
	}
	var secrets []string
	for _, p := range parts {
		if len(p) >= minSecret {
			secrets = append(secrets, p)
		}
	}
	return secrets
}
