package main

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/oapi-codegen/oapi-codegen/v2/pkg/codegen"
)

// functions are what our templates ask about an operation.
var functions = template.FuncMap{
	"answer": answer, "headers": headers, "path": path, "again": again, "doc": doc, "text": text,
	"requestID": func(op codegen.OperationDefinition) bool { return bodyHas(op, "requestId") },
	"sendsBody": sendsBody,
	"streams":   func(op codegen.OperationDefinition) bool { return streams(op.Spec) },
}

// answer is the type of a successful answer.
func answer(op codegen.OperationDefinition) string {
	_, r := success(op.Spec)
	return strings.TrimPrefix(r.Content["application/json"].Schema.Ref, schemas)
}

// headers are the assignments of what an answer has beside its body.
func headers(op codegen.OperationDefinition) []string {
	_, r := success(op.Spec)
	var all []string
	for _, name := range slices.Sorted(maps.Keys(answerHeaders)) {
		if r.Headers[name] != nil {
			all = append(all, answerHeaders[name].name+" = "+answerHeaders[name].read)
		}
	}
	return all
}

// path is an expression for the path with its parameters.
func path(op codegen.OperationDefinition) string {
	rest := op.Path
	var parts []string
	for _, p := range op.PathParams {
		before, after, _ := strings.Cut(rest, "{"+p.ParamName+"}")
		parts = append(parts, strconv.Quote(before), "url.PathEscape("+p.GoVariableName()+")")
		rest = after
	}
	if rest != "" {
		parts = append(parts, strconv.Quote(rest))
	}
	return strings.Join(parts, " + ")
}

// again is an expression for whether the request may be sent again when nobody
// knows what became of it.
func again(op codegen.OperationDefinition) string {
	keyed := slices.ContainsFunc(op.HeaderParams, func(p codegen.ParameterDefinition) bool { return p.ParamName == "Idempotency-Key" })
	switch {
	case op.Method == "POST":
		return strconv.FormatBool(keyed || bodyHas(op, "requestId") || strings.HasSuffix(op.Path, "?dryRun=true"))
	case op.Method == "PATCH": // it says what fields are to be; the second time, IfMatch would name an old version
		return `params.IfMatch == ""`
	}
	return "true"
}

func bodyHas(op codegen.OperationDefinition, property string) bool {
	return op.Spec.RequestBody != nil && op.Spec.RequestBody.Value.Content["application/json"].Schema.Value.Properties[property] != nil
}

// sendsBody tells a body from a struct that is sent in query and headers alone.
func sendsBody(op codegen.OperationDefinition) bool { return op.HasBody() && op.Method != "GET" }

// text is an expression for a parameter of the query as text; empty is left out.
func text(p codegen.ParameterDefinition) string {
	field := "params." + p.GoName()
	switch {
	case p.Spec.Schema.Value.Type.Is("integer"):
		return "number(" + field + ")"
	case p.Spec.Schema.Ref != "":
		return "string(" + field + ")"
	}
	return field
}

// doc is the comment of a method.
func doc(op codegen.OperationDefinition) string {
	// A Summary begins with a verb in the imperative, as HTTP's methods do.
	all := op.OperationId + ": " + strings.ToLower(op.Summary[:1]) + op.Summary[1:] + ", " + op.Method + " " + op.Path + "."
	if op.Spec.Description != "" {
		all += "\n\n" + op.Spec.Description
	}
	var b strings.Builder
	for paragraph := range strings.SplitSeq(strings.TrimSpace(all), "\n") {
		b.WriteString(wrapped(paragraph))
	}
	return strings.TrimSpace(b.String())
}

// wrapped is a paragraph as lines of a comment.
func wrapped(paragraph string) string {
	const width = 90
	var b strings.Builder
	line := "//"
	for word := range strings.FieldsSeq(paragraph) {
		if len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line = "//"
		}
		line += " " + word
	}
	return b.String() + line + "\n"
}
