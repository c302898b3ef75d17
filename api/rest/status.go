package rest

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"tenant-provisioning/internal/statuspage"
)

// StatusPage is what everybody may know of how the platform is.
type StatusPage interface {
	// Documents are there already: a visitor causes no question to anybody.
	Documents() *statuspage.Documents
}

// registerStatus serves the page in its three forms. None needs a token, and none needs
// the database: where load balancers ask /readyz, they must reach these all the same.
func (s *Server) registerStatus(page StatusPage) {
	doc := s.api.OpenAPI()
	for _, form := range []struct {
		id, path, summary, mediaType string
		of                           func(*statuspage.Documents) statuspage.Document
	}{
		{"status-page", "/status", "How the platform is, for people", "text/html", func(d *statuspage.Documents) statuspage.Document { return d.HTML }},
		{"status", "/status.json", "How the platform is", "application/json", func(d *statuspage.Documents) statuspage.Document { return d.JSON }},
		{"status-feed", "/status.atom", "Disturbances and maintenance, as a feed", "application/atom+xml", func(d *statuspage.Documents) statuspage.Document { return d.Atom }},
	} {
		s.echo.GET(form.path, func(c echo.Context) error {
			d := form.of(page.Documents())
			h := c.Response().Header()
			h.Set("ETag", d.ETag)
			h.Set("Cache-Control", "public, max-age=10")
			if d.Policy != "" {
				h.Set("Content-Security-Policy", d.Policy)
			}
			if readIfNoneMatch(c.Request().Header).has(d.ETag) {
				return c.NoContent(http.StatusNotModified)
			}
			return c.Blob(http.StatusOK, d.Type, d.Body)
		})
		answers := s.responses([]Code{CodeMalformed, CodeMethodNotAllowed, CodeInternal, CodeTooManyRequests})
		schema := &huma.Schema{Type: huma.TypeString}
		if form.mediaType == "application/json" {
			schema = doc.Components.Schemas.Schema(reflect.TypeFor[statuspage.Report](), true, "Status")
		}
		answers["200"] = &huma.Response{Description: "As it was seen within the last ten seconds, or how old it is.", Content: map[string]*huma.MediaType{form.mediaType: {Schema: schema}}}
		answers["304"] = &huma.Response{Description: "As If-None-Match names it."}
		doc.AddOperation(&huma.Operation{
			OperationID: form.id, Method: http.MethodGet, Path: form.path, Tags: []string{tagService}, Summary: form.summary,
			Description: "Components with 90 days of history, maintenance and incidents; nothing of any tenant. It is there while the database is away, and then says how old it is.",
			Responses:   answers, Security: public,
		})
	}
}
