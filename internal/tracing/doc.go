// Package tracing follows a request over processes and time by OpenTelemetry: from
// HTTP through the operation's row and the workflow's run to each activity, and to
// the SQL, Redis, RPC and mail of each. It sends spans by OTLP over HTTP where the
// standard variables say so, and does nothing otherwise.
//
// A span has no text but names that are in the code: no parameter, no statement, no
// error's words, since these may show a person or a secret. The log has them, by the
// same trace id.
//
// A collector that is away or hangs costs spans and nothing else: at most
// [maxQueued] wait, later ones are dropped, and nobody waits for any.
package tracing
