// Package postgres is the one database: the control tables, every tenant's
// schema and role, and the log of what was done. Small types share one pool,
// each with what one kind of caller needs; queries stand beside their methods, one
// file per step or group of tables.
//
// It may import internal/tenant and the types of the interfaces that it
// serves; never workflows, other adapters or the configuration. Foreign errors
// become the domain's errors here (errors.go).
package postgres
