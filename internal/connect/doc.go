// Package connect turns settings into clients: each function copies one
// section of the configuration into the adapter that it belongs to. It is
// wiring for package main and nothing else; nothing is dialled here.
package connect
