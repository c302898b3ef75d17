package rest

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// openAnswers lets answers grow: what is not part of a request may have fields that
// a client does not know.
func openAnswers(doc *huma.OpenAPI) {
	sent := map[string]bool{}
	for _, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Post, item.Put, item.Patch, item.Delete} {
			if op == nil || op.RequestBody == nil {
				continue
			}
			for _, content := range op.RequestBody.Content {
				sent[strings.TrimPrefix(content.Schema.Ref, schemasPrefix)] = true
			}
		}
	}
	schemas := doc.Components.Schemas.Map()
	delete(schemas, "ErrorModel") // huma's own, which finish replaces
	delete(schemas, "ErrorDetail")
	for name, schema := range schemas {
		if closed, ok := schema.AdditionalProperties.(bool); ok && !closed && !sent[name] {
			schema.AdditionalProperties = nil
		}
	}
}

// older is the document in OpenAPI 3.0.
func older(doc *huma.OpenAPI) ([]byte, error) {
	encoded, err := doc.Downgrade()
	if err != nil {
		return nil, fmt.Errorf("encode the OpenAPI 3.0 document: %w", err)
	}
	var tree any
	if err := json.Unmarshal(encoded, &tree); err != nil {
		return nil, fmt.Errorf("read the OpenAPI 3.0 document: %w", err)
	}
	wrapReferences(tree)
	return json.Marshal(tree)
}

// wrapReferences keeps what stands beside a reference: OpenAPI 3.0 ignores it
// there, and not beside an allOf that has the reference.
func wrapReferences(tree any) {
	switch node := tree.(type) {
	case map[string]any:
		if ref, ok := node["$ref"]; ok && len(node) > 1 {
			delete(node, "$ref")
			node["allOf"] = []any{map[string]any{"$ref": ref}}
		}
		for _, child := range node {
			wrapReferences(child)
		}
	case []any:
		for _, child := range node {
			wrapReferences(child)
		}
	}
}
