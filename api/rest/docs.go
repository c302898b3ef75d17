package rest

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
)

// The page at /docs: Scalar, which docs/scalar.sh brings, and what tells it
// about this API.
var (
	//go:embed docs/docs.html
	docsHTML string
	//go:embed docs/docs.css
	docsCSS string
	//go:embed docs/docs.js
	docsJS string
	//go:embed docs/scalar.js.gz
	renderer []byte
)

// docsPage shows the document in a browser.
type docsPage struct {
	template *template.Template
	title    string
	// policy has %s where the nonce of the style sheets belongs.
	policy string
	// asset is the renderer's name, which changes with it: browsers keep it for
	// good.
	asset string
}

func (s *Server) registerDocs() error {
	doc := s.api.OpenAPI()
	page, err := newDocsPage(doc.Info.Title)
	if err != nil {
		return err
	}
	s.echo.GET("/docs", page.show)
	s.echo.GET("/docs/assets/:name", page.sendRenderer)
	answers := s.responses([]Code{CodeMalformed, CodeNotFound, CodeMethodNotAllowed, CodeInternal, CodeTooManyRequests})
	answers["200"] = &huma.Response{Description: "The script.", Content: map[string]*huma.MediaType{"text/javascript": {}}}
	doc.AddOperation(&huma.Operation{
		OperationID: "docs-asset", Method: http.MethodGet, Path: "/docs/assets/{name}", Tags: []string{tagService},
		Summary: "The script of the page at /docs", Description: "Its name changes with it.", Responses: answers, Security: public,
		Parameters: []*huma.Param{{
			Name: "name", In: "path", Required: true, Description: "As the page names it.", Schema: &huma.Schema{Type: huma.TypeString}, Example: page.asset,
		}},
	})
	return nil
}

func newDocsPage(title string) (*docsPage, error) {
	t, err := template.New("docs").Funcs(template.FuncMap{
		"style":  func() template.CSS { return template.CSS(docsCSS) }, //nolint:gosec // the file is ours
		"script": func() template.JS { return template.JS(docsJS) },    //nolint:gosec // the file is ours
	}).Parse(docsHTML)
	if err != nil {
		return nil, fmt.Errorf("parse the page of the API's document: %w", err)
	}
	script, version := sha256.Sum256([]byte(docsJS)), sha256.Sum256(renderer)
	return &docsPage{
		template: t, title: title,
		// Attributes may hold styles: Scalar writes the number of an example's
		// lines into one. They can fetch nothing, since pictures are data only.
		policy: "default-src 'none'; script-src 'self' 'sha256-" + base64.StdEncoding.EncodeToString(script[:]) +
			"'; style-src-elem 'nonce-%s'; style-src-attr 'unsafe-inline'; img-src data:; connect-src 'self'; " +
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		asset: "scalar-" + hex.EncodeToString(version[:6]) + ".js",
	}, nil
}

func (p *docsPage) show(c echo.Context) error {
	nonce := rand.Text()
	var page bytes.Buffer
	if err := p.template.Execute(&page, struct{ Title, Nonce, Asset string }{p.title, nonce, p.asset}); err != nil {
		return fmt.Errorf("fill in the page of the API's document: %w", err)
	}
	c.Response().Header().Set("Content-Security-Policy", fmt.Sprintf(p.policy, nonce))
	return c.HTMLBlob(http.StatusOK, page.Bytes())
}

// sendRenderer counts against the rate limit like any other route: a page takes
// three requests, and the megabyte that this one sends is worth guarding.
func (p *docsPage) sendRenderer(c echo.Context) error {
	if c.Param("name") != p.asset {
		return newProblem(CodeNotFound, "This version of the page's script is not here; load /docs again.")
	}
	const mediaType = "text/javascript; charset=utf-8"
	h := c.Response().Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	if acceptsGzip(c.Request().Header.Values("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		return c.Blob(http.StatusOK, mediaType, renderer)
	}
	plain, err := gzip.NewReader(bytes.NewReader(renderer))
	if err != nil {
		return fmt.Errorf("unpack the renderer of the API's document: %w", err)
	}
	return c.Stream(http.StatusOK, mediaType, plain)
}

// acceptsGzip reads Accept-Encoding (RFC 9110, 12.5.3).
func acceptsGzip(values []string) bool {
	for part := range strings.SplitSeq(strings.Join(values, ","), ",") {
		coding, parameter, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			continue
		}
		quality, weighted := strings.CutPrefix(strings.ToLower(strings.TrimSpace(parameter)), "q=")
		q, err := strconv.ParseFloat(quality, 64)
		return !weighted || err == nil && q > 0
	}
	return false
}
