package check

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/yannh/kubeconform/pkg/validator"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"tenant-provisioning/internal/config"
)

// manifest is what the checks look at.
type manifest struct {
	Kind     string
	Metadata struct {
		Name, Namespace string
		Labels          map[string]string
		Annotations     map[string]string
	}
	Data, StringData map[string]string
	// AutomountServiceAccountToken is a ServiceAccount's.
	AutomountServiceAccountToken *bool
	Spec                         yamlSpec
}

type yamlSpec struct {
	Replicas                 *int
	MinReplicas, MaxReplicas int
	MinReplicaCount          int
	MaxReplicaCount          int
	ScaleTargetRef           struct{ Name string }
	Strategy                 struct {
		RollingUpdate struct{ MaxSurge, MaxUnavailable int }
	}
	Selector, PodSelector struct{ MatchLabels map[string]string }
	Template              struct {
		Metadata struct{ Labels map[string]string }
		Spec     pod
	}
	Data  []struct{ SecretKey string }
	Rules []struct {
		HTTP struct {
			Paths []struct{ Path, PathType string }
		}
	}
	TLS []struct{ SecretName string }
	// Ingress and Egress are a NetworkPolicy's.
	Ingress, Egress []struct {
		Ports []struct{ Port any }
	}
}

type pod struct {
	TerminationGracePeriodSeconds int
	AutomountServiceAccountToken  *bool
	EnableServiceLinks            *bool
	SecurityContext               struct {
		RunAsNonRoot   bool
		SeccompProfile struct{ Type string }
	}
	InitContainers, Containers []container
}

type container struct {
	Name, Image     string
	Command, Args   []string
	EnvFrom         []struct{ ConfigMapRef struct{ Name string } }
	Env             []variable
	Resources       struct{ Requests, Limits struct{ CPU, Memory string } }
	SecurityContext struct {
		AllowPrivilegeEscalation *bool
		ReadOnlyRootFilesystem   bool
		Capabilities             struct{ Drop []string }
	}
	StartupProbe, LivenessProbe, ReadinessProbe *struct{ HTTPGet struct{ Path string } }
	Lifecycle                                   struct {
		PreStop struct{ Exec struct{ Command []string } }
	}
}

type variable struct {
	Name, Value string
	ValueFrom   struct {
		SecretKeyRef struct {
			Name, Key string
			Optional  bool
		}
	}
}

var overlays = []string{"overlays/dev", "overlays/production"}

// rendered is what kubectl would apply of a folder in deploy/k8s.
func rendered(t *testing.T, path string) []byte {
	t.Helper()
	return render(t, filepath.Join(root, "deploy", "k8s", filepath.FromSlash(path)))
}

func render(t *testing.T, folder string) []byte {
	t.Helper()
	all, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	require.NoError(t, err)
	text, err := all.AsYaml()
	require.NoError(t, err)
	return text
}

// withComponent renders the base with a component.
func withComponent(t *testing.T, name string) []byte {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(root, "deploy", "k8s"))))
	with := filepath.Join(dir, "with")
	require.NoError(t, os.Mkdir(with, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(with, "kustomization.yaml"), []byte(`
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: healthcare
resources: [../base]
components: [../components/`+name+`]
`), 0o600))
	return render(t, with)
}

type manifests []manifest

func parse(t *testing.T, text []byte) manifests {
	t.Helper()
	var all manifests
	for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
		var m manifest
		require.NoError(t, yaml.Unmarshal(document, &m))
		all = append(all, m)
	}
	return all
}

// one is the manifest of that kind and name, or nothing.
func (all manifests) one(kind, name string) (manifest, bool) {
	i := slices.IndexFunc(all, func(m manifest) bool { return m.Kind == kind && m.Metadata.Name == name })
	if i < 0 {
		return manifest{}, false
	}
	return all[i], true
}

func (all manifests) must(t *testing.T, kind, name string) manifest {
	t.Helper()
	m, ok := all.one(kind, name)
	require.True(t, ok, "there is no %s %s", kind, name)
	return m
}

// running are the containers of ours, with what they run.
type running struct {
	container
	process config.Process
	of      manifest
}

func (all manifests) running() []running {
	var found []running
	for _, m := range all {
		pod := m.Spec.Template.Spec
		for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
			for name, process := range map[string]config.Process{"api": config.API, "worker": config.Worker, "starter": config.Starter} {
				if slices.Equal(c.Command, []string{name}) {
					found = append(found, running{c, process, m})
				}
			}
		}
	}
	return found
}

// settings are the variables that a container gets, with the secrets' values.
func (all manifests) settings(c container, secrets map[string]string) map[string]string {
	values := map[string]string{}
	for _, from := range c.EnvFrom {
		m, _ := all.one("ConfigMap", from.ConfigMapRef.Name)
		maps.Copy(values, m.Data)
	}
	for _, v := range c.Env {
		values[v.Name] = v.Value
		if key := v.ValueFrom.SecretKeyRef.Key; key != "" {
			values[v.Name] = secrets[key]
		}
	}
	return values
}

// names are the settings of the catalogue that are secret, or are not, of processes.
func names(processes config.Process, secret bool) []string {
	var found []string
	for _, s := range catalogue {
		if s.Readers&processes != 0 && s.Secret == secret && !strings.HasSuffix(s.Name, "*") {
			found = append(found, s.Name)
		}
	}
	slices.Sort(found)
	return found
}

const everybody = config.API | config.Worker | config.Starter

// problemsOf lists what is not as the catalogue has it.
func problemsOf(all manifests) []string {
	var found []string
	compare := func(of string, want, got []string) {
		for _, name := range want {
			if !slices.Contains(got, name) {
				found = append(found, of+" lacks "+name)
			}
		}
		for _, name := range got {
			if !slices.Contains(want, name) {
				found = append(found, of+" has "+name+", which is no setting of it")
			}
		}
	}
	for _, m := range all {
		switch m.Kind {
		case "ConfigMap":
			compare(m.Metadata.Name, names(everybody, false), slices.Sorted(maps.Keys(m.Data)))
		case "Secret":
			compare(m.Metadata.Name, names(everybody, true), slices.Sorted(maps.Keys(m.StringData)))
		case "ExternalSecret":
			var keys []string
			for _, d := range m.Spec.Data {
				keys = append(keys, d.SecretKey)
			}
			compare(m.Metadata.Name, names(everybody, true), keys)
		}
	}
	for _, c := range all.running() {
		var secrets, others []string
		for _, v := range c.Env {
			switch key := v.ValueFrom.SecretKeyRef.Key; {
			case key == v.Name && v.ValueFrom.SecretKeyRef.Name == "tenant-provisioning-secrets":
				secrets = append(secrets, v.Name)
			case key != "":
				found = append(found, c.Name+" has "+v.Name+" from "+key)
			case !slices.Contains(foreign, v.Name) && !slices.Contains(names(c.process, false), v.Name):
				others = append(others, v.Name)
			}
		}
		compare(c.Name, names(c.process, true), secrets)
		compare(c.Name, nil, others)
		if len(c.EnvFrom) != 1 || c.EnvFrom[0].ConfigMapRef.Name != "tenant-provisioning-config" {
			found = append(found, c.Name+" does not read tenant-provisioning-config")
		}
	}
	return found
}

func TestManifestsHaveEverySetting(t *testing.T) {
	t.Parallel()
	for _, overlay := range overlays {
		all := parse(t, rendered(t, overlay))
		require.Len(t, all.running(), 4, "api, worker, migrate, setup")
		require.Empty(t, problemsOf(all), overlay)
	}
	require.Empty(t, problemsOf(parse(t, []byte(content(t, "deploy/k8s/secrets.example.yaml")))))
	require.Empty(t, problemsOf(parse(t, []byte(content(t, "deploy/k8s/components/external-secrets/externalsecret.yaml")))))
}

// TestAMistakeInAManifestIsSeen, in its settings and in its form.
func TestAMistakeInAManifestIsSeen(t *testing.T) {
	t.Parallel()
	text := string(rendered(t, "overlays/dev"))
	for _, c := range []struct{ old, mistaken, says string }{
		{"  CACHE_MAX_AGE: \"\"\n", "  CACHE_MAXAGE: \"\"\n", "tenant-provisioning-config lacks CACHE_MAX_AGE"},
		{"  CACHE_MAX_AGE: \"\"\n", "  CACHE_MAXAGE: \"\"\n", "tenant-provisioning-config has CACHE_MAXAGE, which is no setting of it"},
		{"  INVITATION_SECRET: \"\"\n", "", "tenant-provisioning-secrets lacks INVITATION_SECRET"},
		{"              key: REDIS_PASSWORD\n", "              key: DB_PASSWORD\n", "api has REDIS_PASSWORD from DB_PASSWORD"},
		{"        - name: REDIS_PASSWORD\n", "        - name: REDIS_PASWORD\n", "api lacks REDIS_PASSWORD"},
	} {
		require.Contains(t, text, c.old)
		require.Contains(t, problemsOf(parse(t, []byte(strings.Replace(text, c.old, c.mistaken, 1)))), c.says)
	}
	for _, c := range []struct{ old, mistaken string }{
		{"        readinessProbe:\n", "        readyProbe:\n"},
		{"  replicas: 1\n", "  replicas: one\n"},
		{"        image: healthcare/tenant-provisioning:dev\n", "        image: [dev]\n"},
		{"kind: NetworkPolicy\n", "kind: NetworkPolice\n"},
		{"apiVersion: batch/v1\n", "apiVersion: batch/v2\n"},
		{"  selector:\n    matchLabels:\n      app.kubernetes.io/name: tenant-provisioning\n", ""},
	} {
		require.Contains(t, text, c.old)
		require.NotEmpty(t, malformed(t, []byte(strings.Replace(text, c.old, c.mistaken, 1))), c.mistaken)
	}
}

// malformed lists what the schemas refuse.
func malformed(t *testing.T, text []byte) []string {
	t.Helper()
	v, err := validator.New([]string{"schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json"}, validator.Opts{Strict: true})
	require.NoError(t, err)
	var found []string
	for _, r := range v.Validate("rendered.yaml", io.NopCloser(bytes.NewReader(text))) {
		if r.Status != validator.Valid && r.Status != validator.Empty {
			signature, _ := r.Resource.Signature()
			found = append(found, fmt.Sprintf("%s %s: %v %v", signature.Kind, signature.Name, r.Err, r.ValidationErrors))
		}
	}
	return found
}

func TestManifestsAreWellFormed(t *testing.T) {
	t.Parallel()
	for _, overlay := range overlays {
		require.Empty(t, malformed(t, rendered(t, overlay)), overlay)
	}
	require.Empty(t, malformed(t, []byte(content(t, "deploy/k8s/secrets.example.yaml"))))
	components, err := os.ReadDir(filepath.Join(root, "deploy", "k8s", "components"))
	require.NoError(t, err)
	for _, c := range components {
		require.Empty(t, malformed(t, withComponent(t, c.Name())), c.Name())
	}
}

// strong are secrets that production takes.
var strong = map[string]string{
	"DB_PASSWORD":                      "qJ2v8Xw1Zr5n",
	"JWT_SECRET":                       "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
	"MAIL_PASSWORD":                    "SG.qJ2v8Xw1Zr5n",
	"PAYLOAD_KEYS":                     "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
	"SOROBAN_CONTRACT_DEPLOYER_SECRET": "SCYHGETXCS375U7ZCXBM57S2B2QBZ5HI2HI2JRXWVYZCFEQX7QFNWWOO",
}

// TestManifestsWork: every process takes the settings of its pod, and without its
// secrets says which it needs.
func TestManifestsWork(t *testing.T) {
	t.Parallel()
	needs := map[config.Process]config.Section{config.API: config.NeedByAPI, config.Worker: config.NeedByWorker, config.Starter: config.NeedByStarter}
	for _, overlay := range overlays {
		all := parse(t, rendered(t, overlay))
		secrets := strong
		if s, ok := all.one("Secret", "tenant-provisioning-secrets"); ok {
			secrets = s.StringData
		}
		for _, c := range all.running() {
			load := func(secrets map[string]string) error {
				environ := []string{}
				for name, value := range all.settings(c.container, secrets) {
					environ = append(environ, name+"="+value)
				}
				_, err := config.Load(config.Options{Environ: environ, Dir: t.TempDir()}, needs[c.process])
				return err
			}
			require.NoError(t, load(secrets), "%s of %s", c.Name, overlay)
			require.Error(t, load(nil), "%s of %s", c.Name, overlay)
		}
	}
}

// TestConnectionsFit: with as many pods as there can be, and those of a rollout
// beside them, PostgreSQL has enough connections.
func TestConnectionsFit(t *testing.T) {
	t.Parallel()
	const (
		reserved = 3 // for superusers
		starter  = 9 // one at a time, with a pool of 8
	)
	beside := map[config.Process]int{config.API: 1, config.Worker: 5} // its pool
	for _, overlay := range overlays {
		all := parse(t, rendered(t, overlay))
		most, err := strconv.Atoi(all.must(t, "ConfigMap", "tenant-provisioning-config").Metadata.Annotations["tenant-provisioning/max-connections"])
		require.NoError(t, err)
		sum := reserved + starter
		for _, c := range all.running() {
			if c.process == config.Starter {
				continue
			}
			pool, err := strconv.Atoi(all.settings(c.container, nil)["DB_MAX_CONNS"])
			require.NoError(t, err)
			sum += (all.most(t, c.of) + c.of.Spec.Strategy.RollingUpdate.MaxSurge) * (pool + beside[c.process])
		}
		require.LessOrEqual(t, sum, most, overlay)
		require.Greater(t, sum, most/2, "%s: the number is not out of the air", overlay)
	}
}

// most is how many pods of a Deployment there can be.
func (all manifests) most(t *testing.T, deployment manifest) int {
	t.Helper()
	for _, m := range all {
		if m.Spec.ScaleTargetRef.Name == deployment.Metadata.Name {
			require.Nil(t, deployment.Spec.Replicas, "an apply would set back what %s has decided", m.Metadata.Name)
			return max(m.Spec.MaxReplicas, m.Spec.MaxReplicaCount)
		}
	}
	require.NotNil(t, deployment.Spec.Replicas)
	return *deployment.Spec.Replicas
}

func TestPodsAreBoundedAndLocked(t *testing.T) {
	t.Parallel()
	for _, overlay := range overlays {
		all := parse(t, rendered(t, overlay))
		for _, c := range all.running() {
			pod := c.of.Spec.Template.Spec
			where := c.Name + " of " + overlay
			require.Equal(t, "healthcare", c.of.Metadata.Namespace, where)
			require.True(t, strings.HasSuffix(strings.Split(c.Image, ":")[0], "healthcare/tenant-provisioning"), where)
			require.Contains(t, c.Image, ":", "%s: of a version", where)
			require.False(t, *pod.AutomountServiceAccountToken, where)
			require.False(t, *pod.EnableServiceLinks, where)
			require.True(t, pod.SecurityContext.RunAsNonRoot, where)
			require.Equal(t, "RuntimeDefault", pod.SecurityContext.SeccompProfile.Type, where)
			require.False(t, *c.SecurityContext.AllowPrivilegeEscalation, where)
			require.True(t, c.SecurityContext.ReadOnlyRootFilesystem, where)
			require.Equal(t, []string{"ALL"}, c.SecurityContext.Capabilities.Drop, where)
			require.NotEmpty(t, c.Resources.Requests.CPU, where)
			require.NotEmpty(t, c.Resources.Requests.Memory, where)
			requireNinetyPercent(t, bytesOf(t, c.Resources.Limits.Memory), all.settings(c.container, nil)["GOMEMLIMIT"], where)
			require.Equal(t, "tenant-provisioning", c.of.Spec.Template.Metadata.Labels["app.kubernetes.io/part-of"], "%s: for the policies", where)
			if c.process == config.Starter {
				continue
			}
			require.Equal(t, "/livez", c.StartupProbe.HTTPGet.Path, where)
			require.Equal(t, "/livez", c.LivenessProbe.HTTPGet.Path, where)
			require.Equal(t, "/readyz", c.ReadinessProbe.HTTPGet.Path, where)
			require.GreaterOrEqual(t, pod.TerminationGracePeriodSeconds, 45, where)
			require.Equal(t, 1, c.of.Spec.Strategy.RollingUpdate.MaxSurge, where)
			require.Zero(t, c.of.Spec.Strategy.RollingUpdate.MaxUnavailable, where)
		}
	}
}

func bytesOf(t *testing.T, quantity string) int64 {
	t.Helper()
	for unit, shift := range map[string]int{"Mi": 20, "Gi": 30} {
		if number, ok := strings.CutSuffix(quantity, unit); ok {
			n, err := strconv.ParseInt(number, 10, 64)
			require.NoError(t, err)
			return n << shift
		}
	}
	t.Fatalf("%q is no amount of memory", quantity)
	return 0
}

// TestProductionHasWhatTheGuideNames: its commands work.
func TestProductionHasWhatTheGuideNames(t *testing.T) {
	t.Parallel()
	all := parse(t, rendered(t, "overlays/production"))
	for _, m := range all {
		require.True(t, m.Metadata.Namespace == "healthcare" || m.Kind == "Namespace" && m.Metadata.Name == "healthcare", "%s %s", m.Kind, m.Metadata.Name)
	}
	all.must(t, "Service", "tenant-provisioning")
	all.must(t, "ConfigMap", "tenant-provisioning-config")
	all.must(t, "Job", "tenant-provisioning-migrate")
	require.Equal(t, []string{"api", "drain"}, all.must(t, "Deployment", "tenant-provisioning").Spec.Template.Spec.Containers[0].Lifecycle.PreStop.Exec.Command)
	hpa := all.must(t, "HorizontalPodAutoscaler", "tenant-provisioning-hpa").Spec
	require.Equal(t, []int{3, 10}, []int{hpa.MinReplicas, hpa.MaxReplicas})
	require.Equal(t, "tenant-provisioning", hpa.ScaleTargetRef.Name)
	worker := all.must(t, "ScaledObject", "tenant-provisioning-worker").Spec
	require.Equal(t, "tenant-provisioning-worker", worker.ScaleTargetRef.Name)
	for _, name := range []string{"tenant-provisioning", "tenant-provisioning-worker"} {
		budget := all.must(t, "PodDisruptionBudget", name)
		require.Equal(t, all.must(t, "Deployment", name).Spec.Selector.MatchLabels, budget.Spec.Selector.MatchLabels)
	}
	require.False(t, *all.must(t, "ServiceAccount", "tenant-provisioning").AutomountServiceAccountToken)
	ingress := all.must(t, "Ingress", "tenant-provisioning")
	require.NotEmpty(t, ingress.Spec.TLS)
	for _, rule := range ingress.Spec.Rules {
		for _, path := range rule.HTTP.Paths {
			const hidden = "/metrics"
			covers := path.PathType != "Exact" && strings.HasPrefix(hidden, strings.TrimSuffix(path.Path, "/"))
			require.False(t, covers || path.Path == hidden, "%s leads to %s", path.Path, hidden)
		}
	}
}

// TestPoliciesNameWhatPodsNeed, and nothing else: the ports of what a process's
// settings lead to, and those that others ask it at.
func TestPoliciesNameWhatPodsNeed(t *testing.T) {
	t.Parallel()
	all := parse(t, rendered(t, "overlays/production"))
	deny := all.must(t, "NetworkPolicy", "tenant-provisioning-default-deny")
	require.Equal(t, map[string]string{"app.kubernetes.io/part-of": "tenant-provisioning"}, deny.Spec.PodSelector.MatchLabels)

	ports := map[string][]string{
		"DB_HOST": {"5432"}, "REDIS_HOST": {"6379"}, "TEMPORAL_ADDRESS": {"7233"}, "SOROBAN_RPC_URL": {"443"}, "JWT_JWKS_URL": {"443"},
		"NOTIFY_WEBHOOK": {"443"}, "SENDGRID_BASE_URL": {"443"}, "MAIL_HOST": {"465", "587"}, "OTEL_EXPORTER_OTLP_ENDPOINT": {"4318"},
	}
	for _, pod := range []struct {
		name    string
		process config.Process
		asked   []string
	}{
		{"tenant-provisioning", config.API, []string{"http"}},
		{"tenant-provisioning-worker", config.Worker, []string{"metrics"}},
		{"tenant-provisioning-migrate", config.Starter, nil},
	} {
		i := slices.IndexFunc(all, func(m manifest) bool {
			return m.Kind == "NetworkPolicy" && maps.Equal(m.Spec.PodSelector.MatchLabels, map[string]string{"app.kubernetes.io/name": pod.name})
		})
		require.GreaterOrEqual(t, i, 0, "no policy selects %s", pod.name)
		policy := all[i].Spec
		needed, named := map[string]bool{}, map[string]bool{}
		for _, s := range catalogue {
			// The starter reads what traces need, as everybody, and sends none.
			if s.Readers&pod.process == 0 || pod.process == config.Starter && s.Name == "OTEL_EXPORTER_OTLP_ENDPOINT" {
				continue
			}
			for _, port := range ports[s.Name] {
				needed[port] = true
			}
		}
		for _, rule := range policy.Egress {
			require.NotEmpty(t, rule.Ports, "every port")
			for _, p := range rule.Ports {
				named[fmt.Sprint(p.Port)] = true
			}
		}
		require.Equal(t, needed, named, pod.name)
		var asked []string
		for _, rule := range policy.Ingress {
			for _, p := range rule.Ports {
				asked = append(asked, fmt.Sprint(p.Port))
			}
		}
		require.Equal(t, pod.asked, asked, pod.name)
	}
}
