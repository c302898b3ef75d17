// Package probe answers the many who ask whether a system works at the cost of
// one question: load balancers, Kubernetes, Prometheus, and whoever floods what
// anybody may ask without a token; and steps, each of which asks before it begins.
package probe
