package rest

import (
	"bytes"
	"fmt"
	"html"
	"html/template"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// docsPage is the document as a page: made once, without scripts.
type docsPage struct {
	html   []byte
	policy string
}

type docsData struct {
	Title, Version, URL string
	About               template.HTML
	Groups              []docsGroup
	Schemas             []docsSchema
	Problems            []docsProblem
}

type docsGroup struct {
	Name, About string
	Operations  []docsOperation
}

type docsOperation struct {
	ID, Method, Path, Summary string
	About                     template.HTML
	Parameters                []docsField
	BodyType                  string
	Body                      []docsField
	Responses                 []docsResponse
}

type docsField struct {
	Name, In, Type string
	Required       bool
	About          template.HTML
	Example        string
}

type docsResponse struct {
	Status, Type, Schema string
	About                template.HTML
}

type docsSchema struct {
	Name   string
	Fields []docsField
}

type docsProblem struct {
	Code    Code
	Status  int
	Title   string
	Help    template.HTML
	Example string
}

func (s *Server) docsPage() (docsPage, error) {
	css, err := pageFiles.ReadFile("pages/docs.css")
	if err != nil {
		return docsPage{}, fmt.Errorf("read the document's style: %w", err)
	}
	t, err := parsePage(css, "pages/docs.html")
	if err != nil {
		return docsPage{}, err
	}
	var page bytes.Buffer
	if err := t.Execute(&page, s.docsData()); err != nil {
		return docsPage{}, fmt.Errorf("fill in the document's page: %w", err)
	}
	return docsPage{html: page.Bytes(), policy: policyFor(css)}, nil
}

func (s *Server) docsData() docsData {
	doc := s.api.OpenAPI()
	d := docsData{Title: doc.Info.Title, Version: doc.Info.Version, URL: s.publicURL, About: prose(doc.Info.Description)}
	for _, tag := range doc.Tags {
		d.Groups = append(d.Groups, docsGroup{Name: tag.Name, About: tag.Description, Operations: s.docsOperations(tag.Name)})
	}
	schemas := doc.Components.Schemas.Map()
	for _, name := range slices.Sorted(mapKeys(schemas)) {
		d.Schemas = append(d.Schemas, docsSchema{Name: name, Fields: s.docsFields(schemas[name])})
	}
	for _, code := range slices.Sorted(mapKeys(kinds)) {
		k := kinds[code]
		d.Problems = append(d.Problems, docsProblem{Code: code, Status: k.status, Title: k.title, Help: prose(k.help), Example: indented(exampleOf(code))})
	}
	return d
}

func mapKeys[K comparable, V any](m map[K]V) func(yield func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func (s *Server) docsOperations(tag string) []docsOperation {
	var all []docsOperation
	paths := s.api.OpenAPI().Paths
	for _, path := range slices.Sorted(mapKeys(paths)) {
		item := paths[path]
		for _, m := range []struct {
			method string
			op     *huma.Operation
		}{{http.MethodPost, item.Post}, {http.MethodGet, item.Get}, {http.MethodPut, item.Put}, {http.MethodPatch, item.Patch}, {http.MethodDelete, item.Delete}} {
			if m.op != nil && slices.Contains(m.op.Tags, tag) {
				all = append(all, s.docsOperation(m.method, path, m.op))
			}
		}
	}
	return all
}

func (s *Server) docsOperation(method, path string, op *huma.Operation) docsOperation {
	d := docsOperation{ID: op.OperationID, Method: method, Path: path, Summary: op.Summary, About: prose(op.Description)}
	for _, p := range op.Parameters {
		f := s.docsField(p.Name, p.Schema, p.Required)
		f.In = p.In
		if p.Description != "" {
			f.About = prose(p.Description)
		}
		d.Parameters = append(d.Parameters, f)
	}
	if op.RequestBody != nil {
		for mediaType, content := range op.RequestBody.Content {
			d.BodyType, d.Body = mediaType, s.docsFields(content.Schema)
		}
	}
	for _, status := range slices.Sorted(mapKeys(op.Responses)) {
		r := docsResponse{Status: status, About: prose(op.Responses[status].Description)}
		for mediaType, content := range op.Responses[status].Content {
			r.Type = mediaType
			if content.Schema != nil {
				r.Schema = refName(content.Schema.Ref)
			}
		}
		d.Responses = append(d.Responses, r)
	}
	return d
}

func (s *Server) docsFields(schema *huma.Schema) []docsField {
	schema = s.schemaOf(schema)
	if schema == nil {
		return nil
	}
	var fields []docsField
	for _, name := range slices.Sorted(mapKeys(schema.Properties)) {
		fields = append(fields, s.docsField(name, schema.Properties[name], slices.Contains(schema.Required, name)))
	}
	return fields
}

func (s *Server) docsField(name string, schema *huma.Schema, required bool) docsField {
	f := docsField{Name: name, Required: required, Type: typeName(schema), About: prose(schema.Description)}
	if len(schema.Examples) > 0 {
		f.Example = strings.Trim(indented(schema.Examples[0]), `"`)
	}
	return f
}

func typeName(schema *huma.Schema) string {
	switch {
	case schema.Ref != "":
		return refName(schema.Ref)
	case schema.Type == huma.TypeArray && schema.Items != nil:
		return "list of " + typeName(schema.Items)
	case len(schema.Enum) > 0:
		names := make([]string, len(schema.Enum))
		for i, v := range schema.Enum {
			names[i] = fmt.Sprint(v)
		}
		return "one of " + strings.Join(names, ", ")
	}
	text := schema.Type
	if schema.Format != "" {
		text += " (" + schema.Format + ")"
	}
	for _, bound := range []struct {
		name  string
		value *int
	}{{"at least", schema.MinLength}, {"at most", schema.MaxLength}} {
		switch {
		case bound.value == nil:
		case *bound.value == 1:
			text += ", " + bound.name + " 1 character"
		default:
			text += ", " + bound.name + " " + strconv.Itoa(*bound.value) + " characters"
		}
	}
	for _, bound := range []struct {
		name  string
		value *float64
	}{{"from", schema.Minimum}, {"to", schema.Maximum}} {
		if bound.value != nil {
			text += ", " + bound.name + " " + strconv.FormatFloat(*bound.value, 'f', -1, 64)
		}
	}
	return text
}

func refName(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

var (
	codeSpan = regexp.MustCompile("`([^`]+)`")
	strong   = regexp.MustCompile(`\*\*([^*]+)\*\*`)
)

// prose is what of Markdown the descriptions use: paragraphs, code and strong
// words.
func prose(text string) template.HTML {
	var b strings.Builder
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if paragraph == "" {
			continue
		}
		safe := html.EscapeString(paragraph)
		safe = codeSpan.ReplaceAllString(safe, "<code>$1</code>")
		safe = strong.ReplaceAllString(safe, "<strong>$1</strong>")
		b.WriteString("<p>" + safe + "</p>")
	}
	return template.HTML(b.String()) //nolint:gosec // everything but our own tags is escaped above
}
