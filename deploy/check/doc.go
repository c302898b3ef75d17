// Package check holds what deploys the product against the product: the settings of
// docker-compose.yml, of the manifests in deploy/k8s and of the stack in
// deploy/swarm against those that internal/config reads, their form against the
// schemas of the systems that take them, and their numbers against each other.
//
// It is a module of its own: the product needs neither compose's loader nor
// kustomize.
package check
