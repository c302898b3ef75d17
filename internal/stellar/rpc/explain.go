package rpc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"tenant-provisioning/internal/tenant"
)

// JSON-RPC's codes that say what is wrong.
const (
	// codeInvalidParams is also the server's for XDR that it cannot read.
	codeInvalidParams  = -32602
	codeMethodNotFound = -32601
	// codeLimit is what providers of RPC servers answer to who asks too much.
	codeLimit = -32005
)

// SettingDelay spaces attempts while the server refuses our key, or is another one
// than we need: nothing changes before somebody changes a setting.
const SettingDelay = 30 * time.Second

// Explain says what the server answered, if it did, and gives the advice for
// that. Only where nothing came it "does not answer". None of it is about a
// tenant, so none of it is permanent.
func (e *Error) Explain() *tenant.StepError {
	s := &tenant.StepError{Step: tenant.StepDeployContract, RetryAfter: e.retryAfter, Err: e}
	const it = "the Stellar RPC server "
	switch {
	case e.code == codeInvalidParams:
		s.Class, s.RetryAfter = tenant.ClassPermanent, SettingDelay
		s.Reason = it + "cannot read the request (" + e.said() + "); its version and the worker's do not fit together"
	case e.limited():
		s.Class = tenant.ClassCapacity
		s.Reason = it + "limits our requests (" + e.said() + "); ask its operator for more, or set SOROBAN_RPC_URL to another"
	case e.unauthorized():
		s.Class, s.RetryAfter = tenant.ClassAuth, SettingDelay
		s.Reason = it + "refuses us (" + e.said() + "); check the key in SOROBAN_RPC_URL"
	case e.garbled:
		s.Reason = it + "gives an answer that cannot be read (" + e.err.Error() + "); check that SOROBAN_RPC_URL leads to a Stellar RPC server, of a version that the worker knows"
	case e.code == codeMethodNotFound:
		s.Reason = it + "does not know " + e.method + " (" + e.said() + "); check that SOROBAN_RPC_URL leads to a Stellar RPC server, of a version that the worker knows"
	case e.answered:
		s.Reason = it + "answers with an error (" + e.said() + "); look into its log, or set SOROBAN_RPC_URL to another"
	case e.status >= http.StatusInternalServerError:
		s.Reason = it + "or a gateway before it answers with an error (" + e.said() + "); look into their logs, or set SOROBAN_RPC_URL to another"
	case e.status != 0:
		s.Reason = "there is no Stellar RPC server at SOROBAN_RPC_URL (" + e.said() + "); check the whole address, with its path"
	default:
		s.Reason = it + silence(e.err)
	}
	return s
}

// Unreadable reports that the server cannot read the request, and will not read it
// when it is repeated at once.
func (e *Error) Unreadable() bool { return e.code == codeInvalidParams }

// limited reports an answer to who asks too often, or for more than was paid.
func (e *Error) limited() bool {
	return e.status == http.StatusTooManyRequests || e.status == http.StatusPaymentRequired || e.code == codeLimit ||
		e.mentions("rate limit", "too many requests", "quota")
}

func (e *Error) unauthorized() bool {
	return e.status == http.StatusUnauthorized || e.status == http.StatusForbidden || e.status == http.StatusProxyAuthRequired ||
		e.mentions("unauthorized", "forbidden", "api key", "invalid project id")
}

// mentions looks into an error of JSON-RPC, for which there is no agreed code.
func (e *Error) mentions(words ...string) bool {
	message := strings.ToLower(e.message)
	for _, w := range words {
		if e.answered && strings.Contains(message, w) {
			return true
		}
	}
	return false
}

// said is what the server answered, in one line.
func (e *Error) said() string {
	said := fmt.Sprintf("HTTP %d", e.status)
	switch {
	case e.answered && e.status != 0:
		said += fmt.Sprintf(", error %d", e.code)
	case e.answered:
		said = fmt.Sprintf("error %d", e.code)
	}
	if e.message != "" {
		return said + ": " + e.message
	}
	if text := http.StatusText(e.status); text != "" {
		return said + " " + text
	}
	return said
}

// Trouble is what the server does instead of answering what was asked.
func Trouble(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		switch {
		case e.garbled:
			return "gives answers that cannot be read"
		case e.answered || e.status != 0:
			return "answers " + e.said()
		}
	}
	return "does not answer"
}

// silence is why nothing came. It names no host, which may be a key.
func silence(err error) string {
	const check = "; check that it runs and that SOROBAN_RPC_URL leads to it"
	var untrusted *tls.CertificateVerificationError
	var alert tls.AlertError
	var plain tls.RecordHeaderError
	var dns *net.DNSError
	text := ""
	if err != nil {
		text = err.Error()
	}
	switch {
	case errors.As(err, &untrusted):
		return "has a certificate that is not trusted; check that SOROBAN_RPC_URL has the name in the certificate, and set SOROBAN_RPC_SSLROOTCERT if a private authority has signed it"
	case errors.As(err, &plain), strings.Contains(text, "server gave HTTP response to HTTPS client"):
		return "does not speak TLS; check whether SOROBAN_RPC_URL should begin with http://"
	case errors.As(err, &alert), strings.Contains(text, "remote error: tls:"):
		return "refuses our TLS connection; check what it, or a gateway before it, requires of clients"
	case strings.Contains(text, "malformed HTTP"):
		return "does not speak HTTP; check the port in SOROBAN_RPC_URL, and whether it should begin with https://"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "has no address: DNS does not know the host in SOROBAN_RPC_URL"
	case errors.Is(err, context.DeadlineExceeded):
		return "does not answer in time" + check
	}
	return "does not answer" + check
}

// outcome is what came of a request, as a label of a metric.
func outcome(err error) string {
	e, told := errors.AsType[*Error](err)
	switch {
	case err == nil:
		return "ok"
	case !told:
		return "given_up"
	case e.limited():
		return "limited"
	case e.unauthorized():
		return "unauthorized"
	case e.garbled:
		return "garbled"
	case e.status != 0 || e.answered:
		return "refused"
	}
	return "unanswered"
}
