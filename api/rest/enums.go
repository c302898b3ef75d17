package rest

import (
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// schemasPrefix is where the document keeps its named schemas.
const schemasPrefix = "#/components/schemas/"

// vocabulary is an enumeration of ours: what it is called in the document, and
// its values.
type vocabulary struct {
	name, about string
	values      []word
}

// word is one value. What it means is empty where its name says it.
type word struct{ value, meaning string }

// newSchemas is the registry of the document's schemas. In answers each
// enumeration is a schema of its own, so that the views can hold the domain's
// types.
func newSchemas() huma.Registry {
	r := huma.NewMapRegistry(schemasPrefix, huma.DefaultSchemaNamer)
	for t, v := range vocabularies {
		r.RegisterTypeAlias(t, v.alias)
	}
	return r
}

// answered stands for an enumeration T in answers, where values may be added: the
// document lists those of this version, and does not close the list.
type answered[T ~string] struct{}

// Schema refers to the named schema of the enumeration.
func (answered[T]) Schema(r huma.Registry) *huma.Schema {
	v := vocabularies[reflect.TypeFor[T]()]
	if r.Map()[v.name] == nil {
		r.Map()[v.name] = &huma.Schema{
			Type: huma.TypeString, Description: v.describe(), Extensions: map[string]any{"x-extensible-enum": v.known()},
		}
	}
	return &huma.Schema{Ref: schemasPrefix + v.name}
}

// asked is a value of an enumeration T in a request, where only those are
// accepted that this version knows.
type asked[T ~string] string

// Schema lists the values.
func (asked[T]) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Enum: vocabularies[reflect.TypeFor[T]()].known()}
}

func (v vocabulary) known() []any {
	known := make([]any, len(v.values))
	for i, w := range v.values {
		known[i] = w.value
	}
	return known
}

func (v vocabulary) describe() string {
	var b strings.Builder
	b.WriteString(v.about + " More values may come with any version: a client must accept one that it does not know.")
	if v.values[0].meaning == "" {
		return b.String()
	}
	b.WriteString("\n")
	for _, w := range v.values {
		b.WriteString("\n- `" + w.value + "`: " + w.meaning)
	}
	return b.String()
}
