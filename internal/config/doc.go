// Package config reads the settings of every binary from one flat namespace
// of names: the process environment, a file named .env, and for each NAME a
// NAME_FILE, the path of a file that holds the value (a Docker or Kubernetes
// secret). The names of the application that this one replaces keep working.
//
// A binary says which sections it needs and gets a typed Config, or one error
// that lists every wrong or missing setting by name with what is expected.
// Secrets are never part of that error, nor of anything printed or logged.
//
// It is the only package that knows where settings come from (and the only one
// to import viper). Adapters declare their own configuration structs; package
// main copies the fields over.
package config
