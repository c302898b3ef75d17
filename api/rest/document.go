package rest

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
)

// schemeBearer names the way to authenticate.
const schemeBearer = "bearer"

func describe(c Config) *huma.OpenAPI {
	version := c.Version
	if version == "" {
		version = "development"
	}
	return &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Tenant provisioning", Version: version, Description: about(c.PublicURL), Contact: &huma.Contact{Name: "Whoever runs this installation"},
		},
		Servers: []*huma.Server{{URL: c.PublicURL}},
		Tags: []*huma.Tag{
			{Name: tagTenants, Description: "Hospitals and practices of the platform."},
			{Name: tagOperations, Description: "What is being done to a tenant, and what a person may do about it."},
			{Name: tagFleets, Description: "What is done to every tenant, such as a migration of their schemas: in waves, within a budget of failures."},
			{Name: tagEvents, Description: "What changes, as it changes."},
			{Name: tagPeople, Description: "The pages that a welcome mail leads to."},
			{Name: tagMaintenance, Description: "When the platform is worked on, and what is done then."},
			{Name: tagService, Description: "For those who run the service."},
		},
		Components: &huma.Components{
			Schemas: newSchemas(),
			SecuritySchemes: map[string]*huma.SecurityScheme{
				schemeBearer: {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "`starter token` makes one."},
			},
		},
	}
}

// registerDocument serves the document as it is once all routes are there, in
// both versions, and the page that shows it.
func (s *Server) registerDocument() error {
	s.documentPlainRoutes()
	if err := s.registerDocs(); err != nil {
		return err
	}
	openAnswers(s.api.OpenAPI())
	latest, err := json.Marshal(s.api.OpenAPI())
	if err != nil {
		return fmt.Errorf("encode the OpenAPI document: %w", err)
	}
	older, err := older(s.api.OpenAPI())
	if err != nil {
		return err
	}
	for path, body := range map[string][]byte{"/openapi.json": latest, "/openapi-3.0.json": older} {
		s.echo.GET(path, func(c echo.Context) error { return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, body) })
	}
	return nil
}

// documentPlainRoutes describes the routes that are not huma's.
func (s *Server) documentPlainRoutes() {
	html := func(text string) *huma.Response {
		return &huma.Response{Description: text, Content: map[string]*huma.MediaType{"text/html": {Schema: &huma.Schema{Type: huma.TypeString}}}}
	}
	token := &huma.Param{
		Name: "token", In: "path", Required: true, Description: "The token of the link.", Schema: &huma.Schema{Type: huma.TypeString},
		Example: "q3Jp0ZlB5w0r3m8m2dY8N0mS9a7k4rV1xT6uC2eHfGo",
	}
	responses := func(codes ...Code) map[string]*huma.Response {
		all := map[string]*huma.Response{"200": html("The page.")}
		for _, code := range append(codes, CodeMalformed, CodeNotFound, CodeMethodNotAllowed, CodeLinkUsed, CodeTooManyRequests, CodeInternal, CodeUnavailable) {
			all[fmt.Sprint(kinds[code].status)] = html("A page that says what to do: \"" + messageFor(code).Title + "\".")
		}
		return all
	}
	doc := s.api.OpenAPI()
	doc.AddOperation(&huma.Operation{
		OperationID: "show-invitation", Method: http.MethodGet, Path: "/invitations/{token}", Tags: []string{tagPeople},
		Summary: "The form for the first password", Description: "Where the link of a welcome mail leads. Opening it uses nothing up.",
		Security: public, Parameters: []*huma.Param{token}, Responses: responses(),
	})
	doc.AddOperation(&huma.Operation{
		OperationID: "accept-invitation", Method: http.MethodPost, Path: "/invitations/{token}", Tags: []string{tagPeople},
		Summary: "Set the first password, once", Description: "What the form sends; only from our own page. The link works once.",
		Security: public, Parameters: []*huma.Param{token},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{formType: {Schema: &huma.Schema{
			Type: huma.TypeObject, Required: []string{"password", "repeat"},
			Properties: map[string]*huma.Schema{
				"password": {Type: huma.TypeString, Description: "12 to 128 characters."},
				"repeat":   {Type: huma.TypeString, Description: "The same again."},
			},
		}}}},
		Responses: responses(CodeForbidden, CodeRequestTimeout, CodeTooLarge, CodeUnsupportedType, CodeInvalid),
	})
	for path, r := range map[string]struct{ id, summary, description, mediaType string }{
		"/metrics":          {"metrics", "Metrics for Prometheus", "Of this process. Labels are routes, never tenants or clients.", "text/plain"},
		"/openapi.json":     {"openapi", "This document, OpenAPI 3.1", "Enumerations in answers are open: `x-extensible-enum` lists the values of this version.", echo.MIMEApplicationJSON},
		"/openapi-3.0.json": {"openapi-3-0", "This document, OpenAPI 3.0", "The same for generators that do not read 3.1.", echo.MIMEApplicationJSON},
		"/docs":             {"docs", "This document, as a page", "To read; the same document.", "text/html"},
	} {
		all := s.responses([]Code{CodeMalformed, CodeMethodNotAllowed, CodeInternal, CodeTooManyRequests})
		all["200"] = &huma.Response{Description: "What was asked for.", Content: map[string]*huma.MediaType{r.mediaType: {}}}
		doc.AddOperation(&huma.Operation{
			OperationID: r.id, Method: http.MethodGet, Path: path, Tags: []string{tagService}, Summary: r.summary,
			Description: r.description, Security: public, Responses: all,
		})
	}
}

// schemaOf finds the schema that a reference leads to.
func (s *Server) schemaOf(schema *huma.Schema) *huma.Schema {
	for schema != nil && schema.Ref != "" {
		schema = s.api.OpenAPI().Components.Schemas.SchemaFromRef(schema.Ref)
	}
	return schema
}
