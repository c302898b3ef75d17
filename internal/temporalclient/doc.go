// Package temporalclient connects to Temporal: TLS and credentials, encrypted
// payloads, logging, metrics. It also prepares a server for the platform
// (Setup).
//
// The connection is lazy. Neither a worker nor the api needs Temporal to
// start: both wait for it as they wait for any other part that is away.
package temporalclient
