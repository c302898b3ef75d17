package kubecheck

import (
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

// load is what the pods of a Deployment use, as metrics-server would tell it.
type load struct {
	client *kubernetes.Clientset
	// cpu is in thousandths of a core, of all pods together: more pods share it.
	cpu atomic.Int64
	// memory is in MiB, of each pod: more pods do not make it less.
	memory atomic.Int64
}

// window is how long metrics-server measures.
const window = 15 * time.Second

// serve registers the load with the API server as metrics.k8s.io.
func (c *cluster) serve(t *testing.T, l *load) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /apis/metrics.k8s.io/v1beta1", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, metav1.APIResourceList{
			TypeMeta:     metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"},
			GroupVersion: v1beta1.SchemeGroupVersion.String(),
			APIResources: []metav1.APIResource{{Name: "pods", Namespaced: true, Kind: "PodMetrics", Verbs: metav1.Verbs{"list"}}},
		})
	})
	mux.HandleFunc("GET /apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods", l.pods)
	server := httptest.NewUnstartedServer(mux)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the API server asks in parallel, and hangs up on who is late
	server.StartTLS()
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	c.apply(t, `
apiVersion: v1
kind: Service
metadata: {name: metrics, namespace: default}
spec: {type: ExternalName, externalName: localhost}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io}
spec:
  group: metrics.k8s.io
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  insecureSkipTLSVerify: true
  service: {name: metrics, namespace: default, port: `+port+`}
`)
	c.kubectl(t, "wait", "apiservice/v1beta1.metrics.k8s.io", "--for=condition=Available", "--timeout=2m")
}

func (l *load) pods(w http.ResponseWriter, r *http.Request) {
	pods, err := l.client.CoreV1().Pods(r.PathValue("namespace")).List(r.Context(), metav1.ListOptions{
		LabelSelector: r.URL.Query().Get("labelSelector"), FieldSelector: "status.phase=Running",
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	list := v1beta1.PodMetricsList{TypeMeta: metav1.TypeMeta{Kind: "PodMetricsList", APIVersion: v1beta1.SchemeGroupVersion.String()}}
	for _, pod := range pods.Items {
		list.Items = append(list.Items, v1beta1.PodMetrics{
			ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace, Labels: pod.Labels},
			Timestamp:  metav1.Now(),
			Window:     metav1.Duration{Duration: window},
			Containers: []v1beta1.ContainerMetrics{{Name: pod.Spec.Containers[0].Name, Usage: corev1.ResourceList{
				corev1.ResourceCPU:    *resource.NewMilliQuantity(l.cpu.Load()/int64(len(pods.Items)), resource.DecimalSI),
				corev1.ResourceMemory: *resource.NewQuantity(l.memory.Load()<<20, resource.BinarySI),
			}}},
		})
	}
	answer(w, list)
}

func answer(w http.ResponseWriter, what any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(what) // to nobody, when it fails
}
