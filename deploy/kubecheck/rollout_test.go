package kubecheck

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

const (
	namespace = "healthcare"
	api       = "tenant-provisioning"
	worker    = "tenant-provisioning-worker"
	migrate   = "tenant-provisioning-migrate"

	limit = 3 * time.Minute // of what takes seconds on an idle machine
	every = 200 * time.Millisecond
)

// TestManifestsOnAServer is the life of an installation: looked at, applied,
// upgraded, disturbed, scaled, removed, applied for development. Each step begins
// where the one before it has ended.
func TestManifestsOnAServer(t *testing.T) {
	c := shared
	used := &load{client: c.client}
	used.cpu.Store(300)
	used.memory.Store(96)
	c.nodes(t)
	c.serve(t, used)
	c.defineCustomKinds(t)
	production := copyOf(t)
	for _, step := range []struct {
		name string
		do   func(t *testing.T)
	}{
		// The namespace is there first, as in the operations guide.
		{"namespace", func(t *testing.T) { c.kubectl(t, "apply", "-f", production.path("base/namespace.yaml")) }},
		{"accepted", c.acceptsManifests},
		{"refused", c.refusesMistakes},
		{"installed", func(t *testing.T) { c.installs(t, production) }},
		{"locked", c.lockedIn},
		{"upgraded", func(t *testing.T) { c.upgrades(t, production) }},
		{"stuck", func(t *testing.T) { c.getsStuck(t, production) }},
		{"drained", c.drains},
		{"scaled", func(t *testing.T) { c.scales(t, production, used) }},
		{"removed", func(t *testing.T) { c.kubectl(t, "delete", "namespace", namespace, "--timeout", limit.String()) }},
		{"for development", c.develops},
	} {
		if !t.Run(step.name, step.do) {
			t.FailNow()
		}
	}
}

// nodes makes three of them, in three zones, that kwok keeps alive.
func (c *cluster) nodes(t *testing.T) {
	t.Helper()
	for i := range 3 {
		name := fmt.Sprintf("node-%d", i)
		_, err := c.client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			corev1.LabelHostname: name, corev1.LabelTopologyZone: fmt.Sprintf("zone-%d", i),
		}}}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	c.kubectl(t, "wait", "node", "--all", "--for=condition=Ready", "--timeout", limit.String())
}

// installs applies production by the commands of the operations guide.
func (c *cluster) installs(t *testing.T, production copied) {
	c.kubectl(t, "apply", "-f", production.path("base/namespace.yaml"), "-f", production.path("secrets.example.yaml"))
	c.rollsOut(t, production)
	// The autoscaler goes to the least that it may; that of KEDA is not here.
	c.kubectl(t, "-n", namespace, "scale", "deployment/"+worker, "--replicas", "2")
	c.settles(t, api, 3)
	c.settles(t, worker, 2)
	c.isSpread(t, api)
	c.kubectl(t, "-n", namespace, "wait", "job/"+migrate, "--for=condition=Complete", "--timeout", limit.String())
}

// rollsOut are the commands of an upgrade.
func (c *cluster) rollsOut(t *testing.T, production copied) {
	t.Helper()
	c.kubectl(t, "-n", namespace, "delete", "job", migrate, "--ignore-not-found")
	require.NotContains(t, c.kubectl(t, "apply", "-k", production.path("overlays/production")), "Warning")
	for _, deployment := range []string{api, worker} {
		c.kubectl(t, "-n", namespace, "rollout", "status", "deployment/"+deployment, "--timeout", limit.String())
	}
}

// settles waits until a Deployment has as many ready pods, and no others.
func (c *cluster) settles(t *testing.T, deployment string, pods int) {
	t.Helper()
	require.Eventually(t, func() bool {
		all := c.pods(t, deployment)
		return len(all) == pods && !slices.ContainsFunc(all, func(p corev1.Pod) bool { return !ready(&p) })
	}, limit, every, "%s has not %d ready pods", deployment, pods)
}

// isSpread requires that no node, which is a zone here, has more than its share.
func (c *cluster) isSpread(t *testing.T, deployment string) {
	t.Helper()
	on := map[string]int{}
	all := c.pods(t, deployment)
	for _, pod := range all {
		on[pod.Spec.NodeName]++
	}
	for _, pods := range on {
		require.LessOrEqual(t, pods, (len(all)+2)/3, "pods of %s are on %v", deployment, on)
	}
}

func (c *cluster) pods(t *testing.T, deployment string) []corev1.Pod {
	t.Helper()
	list, err := c.client.CoreV1().Pods(namespace).List(t.Context(), selecting(deployment))
	require.NoError(t, err)
	return list.Items
}

func selecting(deployment string) metav1.ListOptions {
	return metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=" + deployment}
}

func ready(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// lockedIn: what the server made of pods and their account.
func (c *cluster) lockedIn(t *testing.T) {
	for _, deployment := range []string{api, worker} {
		for _, pod := range c.pods(t, deployment) {
			require.Equal(t, api, pod.Spec.ServiceAccountName)
			require.Empty(t, pod.Spec.Volumes, "%s has a token", pod.Name)
		}
	}
	// Another pod there gets one, and one that may more than restricted pods is none.
	pod := c.pods(t, api)[0].DeepCopy()
	pod.ObjectMeta = metav1.ObjectMeta{Name: "another"}
	pod.Spec.NodeName, pod.Spec.ServiceAccountName, pod.Spec.DeprecatedServiceAccount, pod.Spec.AutomountServiceAccountToken = "", "", "", nil
	another := func() (*corev1.Pod, error) {
		return c.client.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	}
	made, err := another()
	require.NoError(t, err)
	require.NotEmpty(t, made.Spec.Volumes, "this server gives no tokens to anybody")
	pod.Spec.SecurityContext.RunAsNonRoot = nil
	_, err = another()
	require.True(t, apierrors.IsForbidden(err), err)
	require.ErrorContains(t, err, `violates PodSecurity "restricted`)

	account := "system:serviceaccount:" + namespace + ":" + api
	for _, may := range [][]string{{"get", "pods"}, {"list", "secrets"}, {"get", "configmaps"}, {"create", "pods/exec"}, {"update", "deployments/scale"}, {"create", "serviceaccounts/token"}} {
		require.Contains(t, c.refused(t, "-n", namespace, "auth", "can-i", may[0], may[1], "--as", account), "no", may)
	}
}

// upgrades to another image: a pod more, and never one less.
func (c *cluster) upgrades(t *testing.T, production copied) {
	production.replace(t, "overlays/production/kustomization.yaml", "newTag: 1.0.0", "newTag: 1.0.1")
	require.Contains(t, c.refused(t, "apply", "--dry-run=server", "-k", production.path("overlays/production")), "field is immutable", "the job has to go first")
	apis, workers := c.observe(t, api), c.observe(t, worker)
	c.rollsOut(t, production)
	require.Equal(t, span{ready: 3, least: 3, most: 4}, apis())
	require.Equal(t, span{ready: 2, least: 2, most: 3}, workers())
	c.settles(t, api, 3)
	c.settles(t, worker, 2)
	c.isSpread(t, api)
	c.isSpread(t, worker)
	for _, pod := range append(c.pods(t, api), c.pods(t, worker)...) {
		require.Equal(t, "registry.example.org/healthcare/tenant-provisioning:1.0.1", pod.Spec.Containers[0].Image)
	}
	c.kubectl(t, "-n", namespace, "wait", "job/"+migrate, "--for=condition=Complete", "--timeout", limit.String())
}

// span is how many pods of a Deployment there were.
type span struct{ ready, least, most int }

// observe follows the pods of a Deployment until the returned function is called,
// which tells what was seen. It misses nothing: a watch has every change, in order.
func (c *cluster) observe(t *testing.T, deployment string) func() span {
	t.Helper()
	list, err := c.client.CoreV1().Pods(namespace).List(t.Context(), selecting(deployment))
	require.NoError(t, err)
	pods := map[string]*corev1.Pod{}
	for _, pod := range list.Items {
		pods[pod.Name] = &pod
	}
	options := selecting(deployment)
	options.ResourceVersion = list.ResourceVersion
	watching, err := c.client.CoreV1().Pods(namespace).Watch(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(watching.Stop)

	seen := span{ready: len(pods), least: len(pods)}
	var enough atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for event := range watching.ResultChan() {
			pod, ok := event.Object.(*corev1.Pod)
			if !ok && enough.Load() {
				return // it tells of its own end as of a failure
			}
			if !ok {
				t.Errorf("watch pods of %s: %v", deployment, event.Object)
				return
			}
			pods[pod.Name] = pod
			if event.Type == watch.Deleted || pod.DeletionTimestamp != nil {
				delete(pods, pod.Name)
			}
			able := 0
			for _, pod := range pods {
				if ready(pod) {
					able++
				}
			}
			seen = span{ready: min(seen.ready, able), least: min(seen.least, len(pods)), most: max(seen.most, len(pods))}
		}
	}()
	return func() span {
		enough.Store(true)
		watching.Stop()
		<-done
		return seen
	}
}

// getsStuck: new pods that do not become ready, for want of a node here, leave the
// old ones as they are, and the rollout can be taken back.
func (c *cluster) getsStuck(t *testing.T, production copied) {
	c.cordon(t, true)
	production.replace(t, "overlays/production/kustomization.yaml", "newTag: 1.0.1", "newTag: 1.0.2")
	seen := c.observe(t, api)
	c.kubectl(t, "-n", namespace, "delete", "job", migrate)
	c.kubectl(t, "apply", "-k", production.path("overlays/production"))
	require.Contains(t, c.refused(t, "-n", namespace, "rollout", "status", "deployment/"+api, "--timeout", "20s"), "timed out")
	require.Equal(t, span{ready: 3, least: 3, most: 4}, seen())
	for _, deployment := range []string{api, worker} {
		c.kubectl(t, "-n", namespace, "rollout", "undo", "deployment/"+deployment)
		c.kubectl(t, "-n", namespace, "rollout", "status", "deployment/"+deployment, "--timeout", limit.String())
	}
	c.cordon(t, false)
	c.settles(t, api, 3)
	require.Contains(t, c.pods(t, api)[0].Spec.Containers[0].Image, ":1.0.1")
	production.replace(t, "overlays/production/kustomization.yaml", "newTag: 1.0.2", "newTag: 1.0.1")
}

// cordon keeps new pods from all nodes, or lets them on again.
func (c *cluster) cordon(t *testing.T, on bool) {
	t.Helper()
	command := "uncordon"
	if on {
		command = "cordon"
	}
	c.kubectl(t, command, "node-0", "node-1", "node-2")
}

// drains evicts pods, as kubectl drain does: one at a time, and the next when the
// first one's successor is ready.
func (c *cluster) drains(t *testing.T) {
	for deployment, pods := range map[string]int{api: 3, worker: 2} {
		all := c.pods(t, deployment)
		require.Len(t, all, pods)
		c.cordon(t, true)
		require.NoError(t, c.evict(t, all[0].Name))
		require.Eventually(t, func() bool { return len(c.pods(t, deployment)) == pods }, limit, every, "no successor")
		err := c.evict(t, all[1].Name)
		require.True(t, apierrors.IsTooManyRequests(err), err)
		require.ErrorContains(t, err, "disruption budget")
		c.cordon(t, false)
		require.Eventually(t, func() bool { return c.evict(t, all[1].Name) == nil }, limit, every, "a second one may not go, ever")
		c.settles(t, deployment, pods)
	}
	// While none is ready, the database being away, all may go: nobody loses anything.
	all := c.pods(t, api)
	for _, pod := range all {
		for i, condition := range pod.Status.Conditions {
			if condition.Type == corev1.PodReady {
				pod.Status.Conditions[i].Status = corev1.ConditionFalse
			}
		}
		_, err := c.client.CoreV1().Pods(namespace).UpdateStatus(t.Context(), &pod, metav1.UpdateOptions{})
		require.NoError(t, err)
	}
	for _, pod := range all {
		require.NoError(t, c.evict(t, pod.Name))
	}
	c.settles(t, api, 3)
}

func (c *cluster) evict(t *testing.T, pod string) error {
	t.Helper()
	return c.client.CoreV1().Pods(namespace).EvictV1(t.Context(), &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: pod, Namespace: namespace}})
}

// scales follows the load: up within a minute, down when it has been low for as long
// as the manifest says.
func (c *cluster) scales(t *testing.T, production copied, used *load) {
	const stabilization = 5 * time.Minute
	replicas := func() int32 {
		d, err := c.client.AppsV1().Deployments(namespace).Get(t.Context(), api, metav1.GetOptions{})
		require.NoError(t, err)
		return *d.Spec.Replicas
	}
	reaches := func(want int32, within time.Duration) []int32 {
		steps := []int32{replicas()}
		require.Eventually(t, func() bool {
			if now := replicas(); now != steps[len(steps)-1] {
				steps = append(steps, now)
			}
			return steps[len(steps)-1] == want
		}, within, every, "%v, and never %d: %s", steps, want, c.hpa(t))
		return steps
	}
	// 300m of three times 250m are 40 %, 96 MiB of 512 are 18 %.
	require.Eventually(t, func() bool { return c.utilization(t) == [2]int32{40, 18} }, limit, every)
	require.EqualValues(t, 3, replicas())

	// 1700m are 68 % of ten pods' requests, and more than 70 % of fewer. Four more at
	// a time, in 15 s, are what autoscaling/v2 has for want of another policy.
	begun := time.Now()
	used.cpu.Store(1700)
	require.Equal(t, []int32{3, 7, 10}, reaches(10, limit))
	t.Logf("3 to 10 in %s", time.Since(begun).Round(time.Second))
	c.settles(t, api, 10)
	c.isSpread(t, api)
	require.Eventually(t, func() bool { return c.utilization(t) == [2]int32{68, 18} }, limit, every)
	c.rollsOut(t, production)
	require.EqualValues(t, 10, replicas(), "an apply has set back what the autoscaler decided")

	// Memory alone keeps them: 420 MiB are 82 %, of each pod however many there are.
	used.memory.Store(420)
	used.cpu.Store(300)
	require.Eventually(t, func() bool { return c.utilization(t) == [2]int32{12, 82} }, limit, every)
	require.Never(t, func() bool { return replicas() != 10 }, time.Minute, every)

	// Ten pods at 12 % CPU are two at 70 %, at 18 % memory three at 80 %.
	quiet := time.Now()
	used.memory.Store(96)
	require.Equal(t, []int32{10, 3}, reaches(3, stabilization+limit))
	took := time.Since(quiet)
	t.Logf("10 to 3 after %s", took.Round(time.Second))
	// It had last looked at the load up to 15 s before.
	require.Greater(t, took, stabilization-20*time.Second)
	c.settles(t, api, 3)
}

// utilization is what the autoscaler saw last, of cpu and memory.
func (c *cluster) utilization(t *testing.T) (seen [2]int32) {
	t.Helper()
	for _, m := range c.hpa(t).CurrentMetrics {
		if m.Resource != nil && m.Resource.Current.AverageUtilization != nil {
			seen[slices.Index([]corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory}, m.Resource.Name)] = *m.Resource.Current.AverageUtilization
		}
	}
	return seen
}

func (c *cluster) hpa(t *testing.T) autoscalingv2.HorizontalPodAutoscalerStatus {
	t.Helper()
	hpa, err := c.client.AutoscalingV2().HorizontalPodAutoscalers(namespace).Get(t.Context(), "tenant-provisioning-hpa", metav1.GetOptions{})
	require.NoError(t, err)
	return hpa.Status
}

// develops: one of each, with the local network.
func (c *cluster) develops(t *testing.T) {
	require.NotContains(t, c.kubectl(t, "apply", "-k", manifests+"/overlays/dev"), "Warning")
	for _, deployment := range []string{api, worker, "local"} {
		c.kubectl(t, "-n", namespace, "rollout", "status", "deployment/"+deployment, "--timeout", limit.String())
		c.settles(t, deployment, 1)
	}
	c.kubectl(t, "-n", namespace, "wait", "job/"+migrate, "--for=condition=Complete", "--timeout", limit.String())
}
