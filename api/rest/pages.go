package rest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"
)

//go:embed pages
var pageFiles embed.FS

// pages are what people see: the form behind an invitation's link, and what
// came of it. They need no script, no font and no picture from anywhere.
type pages struct {
	form, done, message *template.Template
	policy              string
	appURL, appHost     string
}

func newPages(c Config) (*pages, error) {
	css, err := pageFiles.ReadFile("pages/page.css")
	if err != nil {
		return nil, fmt.Errorf("read the pages' style: %w", err)
	}
	app, err := url.Parse(c.AppURL)
	if err != nil {
		return nil, fmt.Errorf("read the address of the tenants' application (TENANT_APP_URL): %w", err)
	}
	p := &pages{policy: policyFor(css) + "; form-action 'self'", appURL: c.AppURL, appHost: app.Host}
	for name, t := range map[string]**template.Template{"form": &p.form, "done": &p.done, "message": &p.message} {
		if *t, err = parsePage(css, "pages/frame.html", "pages/"+name+".html"); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// parsePage makes a template of files, the first of which is the outermost.
func parsePage(css []byte, files ...string) (*template.Template, error) {
	t, err := template.New("frame.html").Funcs(template.FuncMap{
		"style": func() template.CSS { return template.CSS(css) }, //nolint:gosec // the file is ours
	}).ParseFS(pageFiles, files...)
	if err != nil {
		return nil, fmt.Errorf("parse a page: %w", err)
	}
	return t.Lookup(files[0][strings.LastIndexByte(files[0], '/')+1:]), nil
}

// policyFor allows one style sheet, by its hash, and icons that stand in the
// page itself; nothing else, from nowhere.
func policyFor(css []byte) string {
	sum := sha256.Sum256(css)
	return "default-src 'none'; img-src data:; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; frame-ancestors 'none'"
}

func (p *pages) send(c echo.Context, status int, t *template.Template, data any) error {
	var page bytes.Buffer
	if err := t.Execute(&page, data); err != nil {
		return fmt.Errorf("fill in a page: %w", err)
	}
	c.Response().Header().Set("Content-Security-Policy", p.policy)
	return c.HTMLBlob(status, page.Bytes())
}

// isPage tells what people look at from what programs read.
func isPage(c echo.Context) bool {
	path := c.Request().URL.Path
	return path == "/invitations" || strings.HasPrefix(path, "/invitations/")
}

type messageData struct {
	Title     string
	Text      []string
	SignIn    bool
	AppURL    string
	AppHost   string
	RequestID string
}

// problem says in a person's words what is the matter and what to do. It tells
// nothing about whose link it was.
func (p *pages) problem(c echo.Context, problem *Problem) error {
	if c.Response().Committed {
		return nil
	}
	for name, values := range problem.header {
		c.Response().Header()[name] = values
	}
	m := messageFor(problem.Code)
	m.AppURL, m.AppHost, m.RequestID = p.appURL, p.appHost, requestID(c)
	return p.send(c, problem.Status, p.message, m)
}

func messageFor(code Code) messageData {
	if m, ok := messages[code]; ok {
		return m
	}
	return messageData{Title: "That did not work", Text: []string{kinds[code].title + ".", "Please open the link from your mail again. Nothing was changed."}}
}

var messages = map[Code]messageData{
	CodeLinkUsed: {Title: "This link was used already", SignIn: true, Text: []string{
		"A password was set with it, and it works only once. If that was you, sign in.",
		"If it was not you, somebody else has opened your mail: please answer it and say so at once.",
	}},
	CodeLinkExpired: {Title: "This link has expired", Text: []string{
		"For your safety it works for a limited time only, which is over. Nothing is lost.",
		"Please answer the mail that the link came with, and ask for a new invitation. It brings you another link.",
	}},
	CodeLinkClosed: {Title: "This link does not work now", Text: []string{
		"What it leads to is not in use at the moment, or your invitation was changed.",
		"Please answer the mail that the link came with, and ask what to do: a new invitation may be all that you need.",
	}},
	CodeNotFound: {Title: "This link is not known", Text: []string{
		"It may be incomplete: some mail programs break a long link in two. Please copy all of it from your mail into the address line.",
		"If you have a newer mail, use the link in that one. Else answer the mail that the link came with, and ask what to do.",
	}},
	CodeForbidden: {Title: "The form came from another site", Text: []string{
		"For your safety it is only accepted from our own page. Please open the link from your mail itself. Nothing was changed.",
	}},
	CodeTooManyRequests: {Title: "Please wait a moment", Text: []string{
		"There were too many requests from your network. Please wait a minute and open the link again. It was not used.",
	}},
	CodeUnavailable: {Title: "Please try again in a moment", Text: []string{
		"Something that this page needs does not answer right now. Please wait a minute and open your link again.",
		"If you have just sent a password and the link now says that it was used already, your password is set: sign in with it.",
	}},
	CodeInternal: {Title: "Something went wrong on our side", Text: []string{
		"We are sorry. Please open the link from your mail again in a few minutes.",
	}},
}

// deadline bounds the work for a page like that for any other answer.
func deadline(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx, cancel := context.WithTimeout(c.Request().Context(), answerWithin)
		defer cancel()
		c.SetRequest(c.Request().WithContext(ctx))
		return next(c)
	}
}

// sameOrigin refuses a form that another site has sent. Who does not have the
// link cannot send it anyway; this keeps a stolen one from being used silently.
func sameOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	protection := http.NewCrossOriginProtection()
	return func(c echo.Context) error {
		r := c.Request().Clone(c.Request().Context())
		// The pages ask for no referrer, for which browsers send the origin
		// "null" with our own form. Where they also say Sec-Fetch-Site, that
		// decides.
		if r.Header.Get("Origin") == "null" {
			r.Header.Del("Origin")
		}
		if protection.Check(r) != nil {
			return newProblem(CodeForbidden, "The form was sent from another site.")
		}
		return next(c)
	}
}
