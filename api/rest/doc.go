// Package rest is the HTTP face of the control plane: the JSON API under /v1,
// the pages that an invitation's link leads to, health, metrics and the API's
// own document.
//
// Echo routes and carries the middleware; huma gives typed handlers, checks
// input and writes the OpenAPI document from the same types. Every error is a
// problem (RFC 9457), made in errors.go and nowhere else.
//
// The package may import internal/tenant, internal/token, internal/invitation
// and the interfaces that it declares itself. It knows neither pgx nor Temporal.
package rest
