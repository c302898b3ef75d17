// Package mail sends single mails and tells exactly what became of them.
//
// A mail cannot be called back, and no provider promises that a repeated
// request is one mail. So a failed attempt is told apart by one question: can
// the provider have taken it? [UnavailableError], [ThrottledError],
// [AuthError] and [RejectedError] say no, [UncertainError] says perhaps; then
// Lookup asks the provider for the id that the message carried.
//
// [SendGrid] and [SMTP] send, [Failover] puts one behind the other, [Welcome],
// [Attention] and [Incident] write what is sent.
//
// Errors of this package hold no address, no name and no text of a mail: they
// are stored and shown where those may not be. The package must not know about
// tenants' rows, workflows or configuration; it may import internal/tenant for
// the errors that it serves.
package mail
