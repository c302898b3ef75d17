// Package mailtest stands in for SendGrid: a server that speaks SendGrid's v3
// API on the real wire, keeps every mail that it takes, and shows them to
// people as pages and to tests as JSON.
//
// [Catcher] is the server of the embedded stack. [Server] is the same on a
// port of its own, with the faults that a test wants: refusals, throttling,
// answers that are lost after the mail was taken, an Email Activity that lags
// or is not part of the plan.
//
// It must not know about internal/mail: it is judged by SendGrid's
// documentation, not by the client that it helps to test.
package mailtest
