// Package operations accepts, starts, reads and steers operations. It is the
// only caller of Temporal's client and is used by the API, the command line and
// the worker (as dispatcher), so that all of them read and audit alike.
//
// Accepting and starting are apart: Submit writes rows, the Dispatcher starts
// what waits. It may import workflows, internal/tenant and the SDK's client; the
// database is behind the Store that it declares.
package operations
