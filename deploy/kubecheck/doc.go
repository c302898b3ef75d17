// Package kubecheck applies the manifests of deploy/k8s to a real Kubernetes: etcd,
// API server, controller manager and scheduler, built from this module at the
// versions of its go.mod, with nodes and pods that kwok plays. scripts/kubecheck.sh,
// which is make kubecheck, builds them and runs the tests.
//
// What is real: what the server accepts, refuses, admits and allows; how Deployments
// roll, what a disruption budget allows, where pods are put, and how the autoscaler
// counts. What is played: no container runs, pods are ready as soon as they are
// bound, and their CPU and memory are what the tests say they are. Nothing enforces
// NetworkPolicies.
//
// It is a module of its own, since nothing else needs the 2,800 packages of
// Kubernetes, and is not part of make test.
package kubecheck
