// Package roster reads files of tenants to be provisioned: CSV as spreadsheets
// write it, or JSON. It reports everything that is wrong with a file at once,
// by line, so that a file is either wholly usable or not used at all.
//
// It must not know how tenants are created. It may import internal/tenant.
package roster
