package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

const extensible = "x-extensible-enum"

// enums are the enumerations by one value that no other has, or by all of them. So a type keeps its
// name in Go wherever in the document its values stand, and under whatever name.
var enums = map[string]struct{ name, description string }{
	"provision":       {"Kind", "is what an operation does."},
	"NEEDS_ATTENTION": {"State", "is where an operation is."},
	"PROVISIONING":    {"Status", "is where a tenant is in its life."},
	"CREATE_SCHEMA":   {"StepName", "is a step of an operation."},
	"IN_PROGRESS":     {"StepStatus", "is the outcome of a step."},
	"exhausted":       {"FailureClass", "is a sort of failure."},
	"skip":            {"Action", "is what a person may do with an operation, or with a tenant."},
	"ledger":          {"Dependency", "is a system that operations need."},
	"disk":            {"Resource", "is what adding tenants uses up."},
	"ABORTING":        {"FleetState", "is where a run on all tenants is."},
	"migrate":         {"FleetKind", "is what a run does to each tenant."},
	"pause":           {"FleetAction", "is what a person may do with a run on all tenants."},
	"PLANNED":         {"WindowState", "is where a maintenance window is."},
	"read-only":       {"WindowMode", "is what callers may do during a maintenance window."},
	"closed":          {"DeclaredState", "is where a declared incident stands."},
	"critical":        {"IncidentSeverity", "is how bad a declared incident is."},
	"assessment":      {"ResponseStep", "is a step of the response to an incident."},
	"reopened":        {"IncidentUpdateKind", "is what an update of an incident tells of."},
	"api":             {"Component", "is a part of the platform as its users see it."},
	"audit":           {"RecordSource", "is a log."},
	"name-taken":      {"Code", "is a kind of problem."},
	// These two have no value of their own.
	"PENDING DONE FAILED SKIPPED":         {"FleetItemState", "is what has become of a tenant in a run."},
	"PENDING RUNNING DONE FAILED SKIPPED": {"WindowTaskState", "is how far a task of a maintenance window is."},
}

// nameEnums makes a type of each enumeration. Newer servers may send values that
// it does not list: it is a string, and nothing is refused.
func nameEnums(doc *openapi3.T, codes []any) error {
	all := map[string]*openapi3.Schema{}
	var wrong error
	name := func(ref *openapi3.SchemaRef, where string) {
		values := valuesOf(ref.Value)
		if wrapped := ref.Value.AllOf; len(wrapped) == 1 { // how 3.0 describes a reference
			values, ref.Value.Type = valuesOf(wrapped[0].Value), wrapped[0].Value.Type
		}
		if !ref.Value.Type.Is("string") {
			return
		}
		switch {
		case values != nil:
		case where == "Problem.code":
			values = codes
		case where == "Problem.allowedActions": // of an operation or of a tenant
			values = []any{"retry", "skip"}
		}
		for _, v := range append([]any{strings.Trim(fmt.Sprint(values), "[]")}, values...) {
			e, ok := enums[fmt.Sprint(v)]
			if !ok {
				continue
			}
			if all[e.name] == nil {
				all[e.name] = &openapi3.Schema{Type: ref.Value.Type, Description: e.description}
			}
			add(all[e.name], e.name, values)
			*ref = *openapi3.NewSchemaRef(schemas+e.name, described(ref.Value))
			return
		}
		if len(values) > 1 { // one is a constant
			wrong = fmt.Errorf("the enumeration at %s has no name in Go: give it one in tools/clientgen/enums.go", where)
		}
	}
	for _, owner := range slices.Sorted(maps.Keys(doc.Components.Schemas)) {
		s := doc.Components.Schemas[owner].Value
		for property, p := range s.Properties {
			name(p, owner+"."+property)
			if p.Value.Items != nil {
				name(p.Value.Items, owner+"."+property)
			}
		}
	}
	for path, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for _, p := range op.Parameters {
				name(p.Value.Schema, path+"?"+p.Value.Name)
			}
		}
	}
	for name, s := range all {
		doc.Components.Schemas[name] = openapi3.NewSchemaRef("", s)
	}
	return wrong
}

// valuesOf are those of a closed or an open enumeration.
func valuesOf(s *openapi3.Schema) []any {
	if open, ok := s.Extensions[extensible].([]any); ok {
		return open
	}
	return s.Enum
}

// described is what a field says of itself, without the values of its type.
func described(s *openapi3.Schema) *openapi3.Schema {
	return &openapi3.Schema{Type: s.Type, Description: s.Description}
}

// add adds values, and names their constants.
func add(s *openapi3.Schema, typeName string, values []any) {
	for _, v := range values {
		if !slices.Contains(s.Enum, v) {
			s.Enum = append(s.Enum, v)
		}
	}
	var names []any
	for _, v := range s.Enum {
		names = append(names, typeName+inGo(fmt.Sprint(v)))
	}
	s.Extensions = map[string]any{"x-enum-varnames": names}
}

// inGo spells NEEDS_ATTENTION and name-taken as NeedsAttention and NameTaken.
func inGo(value string) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(strings.ToLower(value), func(r rune) bool { return r == '_' || r == '-' }) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}
