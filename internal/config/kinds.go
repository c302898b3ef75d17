package config

import (
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"tenant-provisioning/internal/tenant"
)

// text is any value; what says what it means.
func text(what string) kind[string] {
	return kind[string]{want: what, parse: func(s string) (string, bool) { return s, true }}
}

// secretText is a value that is never shown, of at least the given length in
// characters.
func secretText(what string, minLength int) kind[Secret] {
	return kind[Secret]{want: what, parse: func(s string) (Secret, bool) {
		return NewSecret(s), len([]rune(s)) >= minLength
	}}
}

// oneOf is an enumeration, read without regard to case.
func oneOf[T ~string](values ...T) kind[T] {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = string(v)
	}
	return kind[T]{want: "one of " + strings.Join(names, ", "), parse: func(s string) (T, bool) {
		for _, v := range values {
			if strings.EqualFold(s, string(v)) {
				return v, true
			}
		}
		return "", false
	}}
}

// whole is a whole number within bounds.
func whole(minimum, maximum int64) kind[int64] {
	return kind[int64]{
		want: fmt.Sprintf("a whole number from %d to %d", minimum, maximum),
		parse: func(s string) (int64, bool) {
			n, err := strconv.ParseInt(s, 10, 64)
			return n, err == nil && n >= minimum && n <= maximum
		},
	}
}

var port = kind[int]{want: "a port from 1 to 65535", parse: func(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 1 && n <= 65535
}}

var boolean = kind[bool]{want: "true or false", parse: func(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "true", "1", "yes", "on":
		return true, true
	case "false", "0", "no", "off":
		return false, true
	}
	return false, false
}}

// host is a name or an address without scheme and port: the most common
// mistake is a whole URL in a variable that ends in _HOST. An IPv6 address may
// stand in brackets, as in a URL, and is given without.
var host = kind[string]{want: "a host name or IP address without scheme and port", parse: func(s string) (string, bool) {
	inside, opened := strings.CutPrefix(s, "[")
	inside, closed := strings.CutSuffix(inside, "]")
	if address, err := netip.ParseAddr(inside); err == nil {
		return inside, opened == closed && (!opened || address.Is6())
	}
	return s, !strings.ContainsAny(s, "/:@[] \t\r\n")
}}

// socketOrHost is a host, or the directory of a UNIX socket as libpq takes it.
var socketOrHost = kind[string]{want: host.want + ", or the directory of a socket", parse: func(s string) (string, bool) {
	if strings.HasPrefix(s, "/") {
		return s, true
	}
	return host.parse(s)
}}

// listenAddress is host:port with an optional host; port 0 takes a free one.
var listenAddress = kind[string]{want: `an address to listen on, such as ":9464", "127.0.0.1:9464" or "[::1]:9464"`, parse: func(s string) (string, bool) {
	_, p, err := net.SplitHostPort(s)
	if err != nil {
		return "", false
	}
	n, err := strconv.Atoi(p)
	return s, err == nil && n >= 0 && n <= 65535
}}

// webURL is the base of a web address; paths are appended to it, so a slash at
// its end is dropped.
var webURL = kind[string]{want: `an absolute URL such as "https://tenants.example.org", without query and user`, parse: func(s string) (string, bool) {
	if _, ok := parseAbsoluteURL(s); !ok || strings.ContainsAny(s, "?#") {
		return "", false
	}
	return strings.TrimRight(s, "/"), true
}}

// absoluteURL is an address that is used as it is, query and all.
var absoluteURL = kind[string]{want: `an absolute URL that begins with https:// or http://`, parse: parseAbsoluteURL}

// secretURL is an absoluteURL that holds a key.
var secretURL = kind[Secret]{want: absoluteURL.want + ", without user", parse: func(s string) (Secret, bool) {
	_, ok := parseAbsoluteURL(s)
	return NewSecret(s), ok
}}

// parseAbsoluteURL takes any http or https address with a host.
func parseAbsoluteURL(s string) (string, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.User != nil {
		return "", false
	}
	return s, u.Scheme == "http" || u.Scheme == "https"
}

// mailbox is an e-mail address, with or without a display name. The same rule
// as for the addresses of tenants' administrators decides: what is taken can be
// sent.
var mailbox = kind[mail.Address]{want: `an e-mail address such as "Platform <no-reply@example.org>", ` + sendable, parse: func(s string) (mail.Address, bool) {
	a, err := mail.ParseAddress(s)
	if err != nil || strings.ContainsAny(s, "\r\n") {
		return mail.Address{}, false
	}
	_, err = tenant.WireAddress(a.Address)
	return *a, err == nil
}}

const sendable = "with ASCII before the @ and a full domain behind it, and no invisible character"

// mailboxes are e-mail addresses, separated by commas.
var mailboxes = kind[[]mail.Address]{want: `e-mail addresses separated by commas, such as "oncall@example.org, Ada <ada@example.org>", each ` + sendable, parse: func(s string) ([]mail.Address, bool) {
	parsed, err := mail.ParseAddressList(s)
	if err != nil || strings.ContainsAny(s, "\r\n") {
		return nil, false
	}
	list := make([]mail.Address, len(parsed))
	for i, a := range parsed {
		if _, err := tenant.WireAddress(a.Address); err != nil {
			return nil, false
		}
		list[i] = *a
	}
	return list, true
}}
