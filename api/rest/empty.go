package rest

import (
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
)

// refuseEmpty refuses a parameter of the query that is given and says nothing. A
// filter that a program forgot to fill in would list everything, and ?dryRun would
// roll back. What is not a parameter is left to huma, which refuses it too.
func (s *Server) refuseEmpty(ctx huma.Context, next func(huma.Context)) {
	asked := ctx.URL()
	query := asked.Query()
	var empty []FieldProblem
	for _, p := range ctx.Operation().Parameters {
		if p.In == "query" && query.Has(p.Name) && query.Get(p.Name) == "" {
			empty = append(empty, FieldProblem{Location: "query." + p.Name, Message: "must not be empty: give a value, or leave it out"})
		}
	}
	if len(empty) > 0 {
		s.fail(invalid(empty...), humaecho.Unwrap(ctx))
		return
	}
	next(ctx)
}

// describeQuery says in the document what refuseEmpty does.
func describeQuery(op *huma.Operation) {
	least := 1
	for _, p := range op.Parameters {
		free := p.In == "query" && p.Schema.Type == huma.TypeString && len(p.Schema.Enum) == 0
		if free && p.Schema.Format == "" && p.Schema.MinLength == nil {
			p.Schema.MinLength = &least
		}
	}
}

// nulls names the optional fields of a body that are null. A null may mean "leave it
// as it is", "take the default" or "remove it", and huma would let it pass. Required
// fields huma refuses itself.
func nulls(schema *huma.Schema, members []member) []FieldProblem {
	var wrong []FieldProblem
	for _, m := range members {
		if m.null && schema.Properties[m.name] != nil && !slices.Contains(schema.Required, m.name) {
			wrong = append(wrong, FieldProblem{Location: "body." + m.name, Message: "must not be null: give a value, or leave it out"})
		}
	}
	return wrong
}
