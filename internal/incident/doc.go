// Package incident asks a dependency that has failed for many tenants whether
// it is back, and closes the incident when it is.
//
// It may import internal/tenant. What opens an incident is a failed attempt
// (activities), and what is asked is the caller's.
package incident
