// Command schemas makes a JSON schema of each kind that the manifests use from the
// OpenAPI document of k8s.io/kubernetes. They are strict: a field that Kubernetes
// does not know is refused. Without descriptions they are small enough to be
// committed, so that no check needs the network.
//
//	go run ./schemas "$(go mod download -json k8s.io/kubernetes@v1.37.2 | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')/api/openapi-spec/swagger.json"
//
// Kinds of others (KEDA's, External Secrets') are written by hand beside them, as far
// as they are used here.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// kinds are those in use, by definition, and the names that kubeconform asks for.
var kinds = map[string]string{
	"io.k8s.api.core.v1.Namespace":                      "namespace-v1",
	"io.k8s.api.core.v1.ServiceAccount":                 "serviceaccount-v1",
	"io.k8s.api.core.v1.ConfigMap":                      "configmap-v1",
	"io.k8s.api.core.v1.Secret":                         "secret-v1",
	"io.k8s.api.core.v1.Service":                        "service-v1",
	"io.k8s.api.apps.v1.Deployment":                     "deployment-apps-v1",
	"io.k8s.api.batch.v1.Job":                           "job-batch-v1",
	"io.k8s.api.networking.v1.Ingress":                  "ingress-networking-v1",
	"io.k8s.api.networking.v1.NetworkPolicy":            "networkpolicy-networking-v1",
	"io.k8s.api.policy.v1.PodDisruptionBudget":          "poddisruptionbudget-policy-v1",
	"io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler": "horizontalpodautoscaler-autoscaling-v2",
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "schemas:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("expected the path of swagger.json, got %q", args)
	}
	text, err := os.ReadFile(args[0]) //nolint:gosec // of whoever runs it
	if err != nil {
		return err
	}
	var document struct {
		Definitions map[string]map[string]any `json:"definitions"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return fmt.Errorf("read %s: %w", args[0], err)
	}
	for definition, name := range kinds {
		used := map[string]any{}
		schema := convert(document.Definitions[definition], document.Definitions, used)
		if schema == nil {
			return fmt.Errorf("%s is not defined in %s", definition, args[0])
		}
		whole := schema.(map[string]any)
		whole["definitions"] = used
		whole["required"] = []string{"apiVersion", "kind", "metadata"}
		out, err := json.Marshal(whole)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join("schemas", name+".json"), append(out, '\n'), 0o600); err != nil {
			return err
		}
	}
	return nil
}

const refPrefix = "#/definitions/"

// convert makes a strict schema of a part of the document, and puts what it refers to
// into used.
func convert(part any, definitions map[string]map[string]any, used map[string]any) any {
	switch part := part.(type) {
	case []any:
		out := make([]any, len(part))
		for i, p := range part {
			out[i] = convert(p, definitions, used)
		}
		return out
	case map[string]any:
		return convertObject(part, definitions, used)
	}
	return part
}

func convertObject(part map[string]any, definitions map[string]map[string]any, used map[string]any) any {
	if part == nil {
		return nil
	}
	if ref, ok := part["$ref"].(string); ok {
		name := strings.TrimPrefix(ref, refPrefix)
		if name == "io.k8s.apimachinery.pkg.api.resource.Quantity" {
			return map[string]any{"type": []string{"string", "number"}}
		}
		if _, done := used[name]; !done {
			used[name] = nil // it may refer to itself
			used[name] = convert(definitions[name], definitions, used)
		}
		return map[string]any{"$ref": ref}
	}
	if part["format"] == "int-or-string" {
		return map[string]any{"type": []string{"string", "integer"}}
	}
	out := map[string]any{}
	for key, value := range part {
		switch {
		case key == "description" || key == "format" || strings.HasPrefix(key, "x-kubernetes-"):
		case key == "properties":
			properties := map[string]any{}
			for name, property := range value.(map[string]any) {
				properties[name] = convert(property, definitions, used)
			}
			out["properties"], out["additionalProperties"] = properties, false
		default:
			out[key] = convert(value, definitions, used)
		}
	}
	return out
}
