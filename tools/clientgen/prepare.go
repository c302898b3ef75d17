package main

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oapi-codegen/oapi-codegen/v2/pkg/codegen"
)

const (
	schemas = "#/components/schemas/"
	// What changes oapi-codegen's mind about a field.
	extraTags = "x-oapi-codegen-extra-tags"
	goType    = "x-go-type"
	goName    = "x-go-name"
)

// prepare changes the document so that the generated code is handy.
func prepare(doc *openapi3.T) error {
	keepCallable(doc)
	splitRollback(doc)
	namePages(doc)
	if err := nameEnums(doc, codes(doc)); err != nil {
		return err
	}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			takeOneStruct(doc, op)
			keepHeaders(op)
		}
	}
	for _, s := range doc.Components.Schemas {
		tellAbsence(s.Value)
		if s.Value.Description == "" {
			s.Value.Description = "is the schema of this name in the API's document."
		}
	}
	return nil
}

// keepCallable drops the routes for people and probes. Of those that answer with a
// stream of events it keeps the model: client/events.go reads the stream.
func keepCallable(doc *openapi3.T) {
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			_, answer := success(op)
			if !strings.HasPrefix(path, "/v1/") || answer == nil {
				item.SetOperation(method, nil)
				continue
			}
			if streams(op) {
				op.Parameters = inPath(op)
			}
		}
		if len(item.Operations()) == 0 {
			doc.Paths.Delete(path)
		}
	}
}

// splitRollback makes two methods of one request: with dryRun it answers with
// another type, and changes nothing.
func splitRollback(doc *openapi3.T) {
	const path = "/v1/operations/{id}/rollback"
	item := doc.Paths.Value(path)
	if item == nil || item.Post == nil {
		return
	}
	plan, planned := *item.Post, item.Post.Responses.Status(http.StatusOK)
	plan.OperationID, plan.Summary = "plan-rollback", "See what a rollback would do"
	plan.Description = "Undoes nothing. RollbackOperationParams.PlanHash has a rollback refused when the plan is another one by then."
	plan.RequestBody = nil
	plan.Parameters = inPath(&plan)
	item.Post.Parameters, item.Post.Summary = plan.Parameters, "Roll an operation back"
	plan.Responses = openapi3.NewResponses(openapi3.WithStatus(http.StatusOK, planned))
	planned.Value.Headers = nil // those of an accepted operation
	item.Post.Responses.Delete("200")
	doc.Paths.Set(path+"?dryRun=true", &openapi3.PathItem{Post: &plan})
}

// namePages tells the page of a list from the method that reads it.
func namePages(doc *openapi3.T) {
	for _, item := range doc.Paths.Map() {
		if item.Get == nil || streams(item.Get) {
			continue
		}
		_, r := success(item.Get)
		s := r.Content["application/json"].Schema
		if listed, ok := strings.CutPrefix(s.Ref, schemas+"List"); ok {
			s.Ref = schemas + listed + "Page"
			s.Value.Description = "is a page of a list."
			doc.Components.Schemas[listed+"Page"] = openapi3.NewSchemaRef("", s.Value)
		}
	}
}

// takeOneStruct makes one schema of all that an operation takes beside its path:
// header, query and body. A caller has nothing to pass where there is nothing to
// say, and the compiler knows which requests can have a key.
func takeOneStruct(doc *openapi3.T, op *openapi3.Operation) {
	all := openapi3.NewObjectSchema()
	if op.RequestBody != nil {
		body := op.RequestBody.Value.Content["application/json"].Schema.Value
		all.Required = body.Required
		maps.Copy(all.Properties, body.Properties)
	}
	op.Parameters = slices.DeleteFunc(op.Parameters, func(p *openapi3.ParameterRef) bool {
		return all.Properties[p.Value.Name] != nil || // the body says it, and no proxy logs that
			p.Value.Name == "If-None-Match" // a method returns an answer, not that there is another one
	})
	for _, p := range op.Parameters {
		if p.Value.In == "path" {
			continue
		}
		all.Properties[p.Value.Name] = outsideJSON(p.Value.Schema, p.Value.Description)
	}
	if len(all.Properties) == 0 {
		op.RequestBody = nil
		return
	}
	name := codegen.ToCamelCaseWithInitialisms(op.OperationID) + "Params"
	all.Description = "is what " + strings.TrimSuffix(name, "Params") + " takes."
	doc.Components.Schemas[name] = openapi3.NewSchemaRef("", all)
	op.RequestBody = &openapi3.RequestBodyRef{Value: openapi3.NewRequestBody().WithRequired(true).
		WithJSONSchemaRef(openapi3.NewSchemaRef(schemas+name, all))}
}

// outsideJSON is the schema of what is sent beside the body.
func outsideJSON(s *openapi3.SchemaRef, description string) *openapi3.SchemaRef {
	p := *s.Value
	p.Description = description
	p.Extensions = map[string]any{extraTags: map[string]any{"json": "-"}}
	if s.Ref != "" {
		p.Enum, p.Extensions[goType] = nil, strings.TrimPrefix(s.Ref, schemas)
	}
	return openapi3.NewSchemaRef("", &p)
}

// keepHeaders gives an answer a field for each header that a caller needs.
func keepHeaders(op *openapi3.Operation) {
	for _, r := range op.Responses.Map() {
		for mediaType, content := range r.Value.Content {
			for name, field := range answerHeaders {
				if r.Value.Headers[name] == nil || content.Schema == nil || !strings.HasSuffix(mediaType, "json") {
					continue
				}
				content.Schema.Value.Properties[field.property] = openapi3.NewSchemaRef("", &openapi3.Schema{
					Type: &openapi3.Types{"string"}, Description: field.description,
					Extensions: map[string]any{extraTags: map[string]any{"json": "-"}, goType: field.typ, goName: field.name},
				})
			}
		}
	}
}

var answerHeaders = map[string]struct{ property, name, typ, read, description string }{
	"ETag": {"etag", "ETag", "string", `header.Get("ETag")`, "The version, for IfMatch; empty in a list."},
	"Retry-After": {
		"retryAfter", "RetryAfter", "time.Duration", "retryAfter(header, c.now())",
		"After which time to ask again, as the API says it beside the body; zero where it does not.",
	},
}

// tellAbsence makes a pointer of an object that may be missing, and no pointer of
// a list.
func tellAbsence(s *openapi3.Schema) {
	for name, p := range s.Properties {
		p.Value.Nullable = false
		if p.Value.Type.Is("boolean") { // a single value that it always has needs no type
			p.Value.Enum = nil
		}
		if p.Ref == "" || !p.Value.Type.Is("object") {
			continue
		}
		if !slices.Contains(s.Required, name) {
			p.Extensions = map[string]any{"x-go-type-skip-optional-pointer": false}
		}
		p.Value = &openapi3.Schema{Type: p.Value.Type} // what the type is, it says itself
	}
}

// streams reports whether the answer is a stream of events.
func streams(op *openapi3.Operation) bool {
	_, answer := success(op)
	return answer.Content["text/event-stream"] != nil
}

// inPath are the parameters that an operation has in its path.
func inPath(op *openapi3.Operation) openapi3.Parameters {
	return slices.DeleteFunc(slices.Clone(op.Parameters), func(p *openapi3.ParameterRef) bool { return p.Value.In != "path" })
}

// success is the answer to a request that was not refused.
func success(op *openapi3.Operation) (string, *openapi3.Response) {
	for _, status := range slices.Sorted(maps.Keys(op.Responses.Map())) {
		if strings.HasPrefix(status, "2") && status != "204" {
			return status, op.Responses.Value(status).Value
		}
	}
	return "", nil
}

// codes are those of the problems, which the examples of the answers are named
// after. Problem.code need not list them then.
func codes(doc *openapi3.T) []any {
	found := map[string]bool{}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for _, r := range op.Responses.Map() {
				if content := r.Value.Content["application/problem+json"]; content != nil {
					for code := range content.Examples {
						found[code] = true
					}
				}
			}
		}
	}
	var all []any
	for _, code := range slices.Sorted(maps.Keys(found)) {
		all = append(all, code)
	}
	return all
}
