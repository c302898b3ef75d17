package rest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"tenant-provisioning/internal/invitation"
)

const formType = "application/x-www-form-urlencoded"

// Invitations are the one-time links. *postgres.Invitations has them.
type Invitations interface {
	// Find fails with tenant.ErrNotFound, invitation.ErrUsed, ErrExpired or
	// ErrClosed.
	Find(ctx context.Context, token string) (invitation.Invitation, error)
	// Accept stores the hash of the password, once.
	Accept(ctx context.Context, token, passwordHash string) error
}

// Passwords makes the stored form of a password. *invitation.Hasher does.
type Passwords interface {
	Hash(ctx context.Context, password string) (string, error)
}

// invitationPages is the form behind a link and its answer.
type invitationPages struct {
	*pages
	invitations Invitations
	passwords   Passwords
}

func (s *Server) registerPages(c Config) {
	p := &invitationPages{pages: s.pages, invitations: c.Invitations, passwords: c.Passwords}
	s.echo.GET("/", func(c echo.Context) error { return c.Redirect(http.StatusFound, "/docs") })
	s.echo.GET("/invitations/:token", p.show, deadline)
	s.echo.POST("/invitations/:token", p.accept, deadline, sameOrigin)
}

func (p *invitationPages) show(c echo.Context) error {
	i, err := p.invitations.Find(c.Request().Context(), c.Param("token"))
	if err != nil {
		return err
	}
	return p.sendForm(c, http.StatusOK, i, "")
}

func (p *invitationPages) accept(c echo.Context) error {
	ctx, token := c.Request().Context(), c.Param("token")
	body, err := readBody(c, formType)
	if err != nil {
		return err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return newProblem(CodeMalformed, "The form is not well-formed.")
	}
	// The link first: who has none learns nothing about passwords, and costs
	// no work.
	i, err := p.invitations.Find(ctx, token)
	if err != nil {
		return err
	}
	password := form.Get("password")
	problem := i.CheckPassword(password)
	if problem == "" && password != form.Get("repeat") {
		problem = "The two passwords are not the same. Please type both again."
	}
	if problem != "" {
		return p.sendForm(c, http.StatusUnprocessableEntity, i, problem)
	}
	hash, err := p.passwords.Hash(ctx, password)
	if err != nil {
		return fmt.Errorf("hash a password: %w", err)
	}
	if err := p.invitations.Accept(ctx, token, hash); err != nil {
		return err
	}
	return p.send(c, http.StatusOK, p.done, map[string]string{"Email": i.Email, "AppURL": p.appURL, "AppHost": p.appHost})
}

type formData struct {
	invitation.Invitation
	Problem                 string
	MinLength               int
	ExpiresISO, ExpiresText string
}

func (p *invitationPages) sendForm(c echo.Context, status int, i invitation.Invitation, problem string) error {
	expires := i.ExpiresAt.UTC()
	return p.send(c, status, p.form, formData{
		Invitation: i, Problem: problem, MinLength: invitation.MinPasswordLength,
		ExpiresISO: expires.Format(time.RFC3339), ExpiresText: expires.Format("Monday, 2 January 2006, 15:04 UTC"),
	})
}
