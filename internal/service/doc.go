// Package service is what api and worker share as processes: settings, logger,
// metrics, the database, and an end that a signal asks for. It is wiring for
// package main and nothing else.
package service
