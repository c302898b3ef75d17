package kubecheck

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

const manifests = "../k8s"

// kubectl runs a command that must succeed, and returns what it printed.
func (c *cluster) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	said, err := c.try(args...)
	require.NoError(t, err, "kubectl %s: %s", strings.Join(args, " "), said)
	return said
}

// refused runs a command that must fail, and returns why.
func (c *cluster) refused(t *testing.T, args ...string) string {
	t.Helper()
	said, err := c.try(args...)
	require.Error(t, err, "kubectl %s: %s", strings.Join(args, " "), said)
	return said
}

func (c *cluster) try(args ...string) (said string, err error) {
	command := exec.Command(filepath.Join(*bin, "kubectl"), args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+c.kubeconfig, "HOME="+c.dir)
	out, err := command.CombinedOutput()
	return string(out), err
}

// apply applies a text, in which no server has anything to warn of.
func (c *cluster) apply(t *testing.T, text string, args ...string) {
	t.Helper()
	require.NotContains(t, c.kubectl(t, append([]string{"apply", "-f", written(t, text)}, args...)...), "Warning")
}

func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "manifest.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// copied is a copy of deploy/k8s that can be changed.
type copied string

func copyOf(t *testing.T) copied {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(manifests)))
	return copied(dir)
}

func (k copied) path(name string) string { return filepath.Join(string(k), filepath.FromSlash(name)) }

// replace puts something in the place of what must be in a file.
func (k copied) replace(t *testing.T, name, old, by string) {
	t.Helper()
	text, err := os.ReadFile(k.path(name))
	require.NoError(t, err)
	require.Contains(t, string(text), old, name)
	require.NoError(t, os.WriteFile(k.path(name), []byte(strings.Replace(string(text), old, by, 1)), 0o600))
}

// customKinds are those of operators that are not here: the server knows them by the
// hand-written schemas of deploy/check, and nobody acts on them.
var customKinds = []struct{ schema, group, version, kind, plural string }{
	{"scaledobject-keda-v1alpha1", "keda.sh", "v1alpha1", "ScaledObject", "scaledobjects"},
	{"externalsecret-external-secrets-v1", "external-secrets.io", "v1", "ExternalSecret", "externalsecrets"},
}

func (c *cluster) defineCustomKinds(t *testing.T) {
	t.Helper()
	for _, k := range customKinds {
		text, err := os.ReadFile(filepath.Join("..", "check", "schemas", k.schema+".json"))
		require.NoError(t, err)
		var schema map[string]any
		require.NoError(t, json.Unmarshal(text, &schema))
		spec := schema["properties"].(map[string]any)["spec"]
		structural(spec)
		definition, err := yaml.Marshal(map[string]any{
			"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
			"metadata": map[string]any{"name": k.plural + "." + k.group},
			"spec": map[string]any{
				"group": k.group, "scope": "Namespaced",
				"names": map[string]any{"kind": k.kind, "plural": k.plural, "singular": strings.ToLower(k.kind)},
				"versions": []any{map[string]any{
					"name": k.version, "served": true, "storage": true,
					"schema": map[string]any{"openAPIV3Schema": map[string]any{
						"type": "object", "properties": map[string]any{"spec": spec},
					}},
				}},
			},
		})
		require.NoError(t, err)
		c.apply(t, string(definition))
		c.kubectl(t, "wait", "crd/"+k.plural+"."+k.group, "--for=condition=Established", "--timeout=1m")
	}
}

// structural leaves out what a definition must not say: that other fields are
// refused, as they are anyway.
func structural(schema any) {
	switch s := schema.(type) {
	case map[string]any:
		if s["additionalProperties"] == false {
			delete(s, "additionalProperties")
		}
		for _, part := range s {
			structural(part)
		}
	case []any:
		for _, part := range s {
			structural(part)
		}
	}
}

// accepted: everything that can be applied, by the command of the operations guide.
func (c *cluster) acceptsManifests(t *testing.T) {
	k := copyOf(t)
	for component, by := range map[string]string{
		"worker-hpa":       "  - ../../components/worker-hpa\n",
		"external-secrets": "  - ../../components/worker-keda\n  - ../../components/external-secrets\n",
	} {
		require.NoError(t, os.CopyFS(k.path("overlays/"+component), os.DirFS(k.path("overlays/production"))))
		k.replace(t, "overlays/"+component+"/kustomization.yaml", "  - ../../components/worker-keda\n", by)
	}
	for _, overlay := range []string{"dev", "production", "worker-hpa", "external-secrets"} {
		said := c.kubectl(t, "apply", "--dry-run=server", "-k", k.path("overlays/"+overlay))
		require.NotContains(t, said, "Warning", overlay)
		t.Logf("%s: %d objects", overlay, strings.Count(said, "(server dry run)"))
	}
	c.kubectl(t, "apply", "--dry-run=server", "-f", k.path("secrets.example.yaml"))
}

// refusesMistakes: those that a schema sees, and those that only the server does.
func (c *cluster) refusesMistakes(t *testing.T) {
	for name, mistake := range map[string]struct{ file, old, by, says string }{
		"min above max":       {"overlays/production/hpa.yaml", "minReplicas: 3", "minReplicas: 11", "greater than or equal to"},
		"unknown field":       {"base/api.yaml", "readinessProbe:", "readyProbe:", `unknown field "spec.template.spec.containers[0].readyProbe"`},
		"never rolls":         {"base/api.yaml", "maxSurge: 1, maxUnavailable: 0", "maxSurge: 0, maxUnavailable: 0", "may not be 0 when"},
		"selects nothing":     {"base/worker.yaml", "selector: {matchLabels: {app.kubernetes.io/name: tenant-provisioning-worker}}", "selector: {matchLabels: {app.kubernetes.io/name: worker}}", "`selector` does not match template `labels`"},
		"request above limit": {"base/api.yaml", "requests: {cpu: 250m", "requests: {cpu: 2", "must be less than or equal to cpu limit"},
		"no such port":        {"base/networkpolicy.yaml", "port: 5432", "port: 543200", "must be between 1 and 65535"},
		"two budgets":         {"overlays/production/pdb.yaml", "  maxUnavailable: 1", "  maxUnavailable: 1\n  minAvailable: 2", "cannot be both set"},
		"no such path type":   {"overlays/production/ingress.yaml", "pathType: Exact", "pathType: Exactly", `pathType: Unsupported value: "Exactly"`},
		"of KEDA":             {"components/worker-keda/scaledobject.yaml", "minReplicaCount:", "minReplicas:", `unknown field "spec.minReplicas"`},
		// Which the server takes, and no pod of it is ever there.
		"not restricted": {"base/api.yaml", "runAsNonRoot: true", "runAsNonRoot: false", `Warning: would violate PodSecurity "restricted`},
	} {
		t.Run(name, func(t *testing.T) {
			k := copyOf(t)
			k.replace(t, mistake.file, mistake.old, mistake.by)
			said, err := c.try("apply", "--dry-run=server", "-k", k.path("overlays/production"))
			require.Contains(t, said, mistake.says)
			if !strings.HasPrefix(mistake.says, "Warning") {
				require.Error(t, err)
			}
		})
	}
}
