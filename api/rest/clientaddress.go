package rest

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// loopback are the proxies that are trusted when none are named: what listens
// on the same machine.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// clientAddress finds who is behind a request: the last address of
// X-Forwarded-For that no trusted proxy has. Each proxy appends whom it has
// talked to, so what stands before that address is whatever the client has made
// up. What a connection says that comes from no trusted proxy is not read at
// all.
func clientAddress(trusted []netip.Prefix) echo.IPExtractor {
	if trusted == nil {
		trusted = loopback
	}
	trust := func(a netip.Addr) bool {
		return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	return func(r *http.Request) string {
		peer, ok := parseAddress(r.RemoteAddr)
		if !ok {
			return r.RemoteAddr
		}
		client, forwarded := peer, strings.Join(r.Header.Values(echo.HeaderXForwardedFor), ",")
		for trust(client) && forwarded != "" {
			last := forwarded
			if at := strings.LastIndexByte(forwarded, ','); at >= 0 {
				forwarded, last = forwarded[:at], forwarded[at+1:]
			} else {
				forwarded = ""
			}
			before, ok := parseAddress(last)
			if !ok {
				break // "unknown", or nothing: the proxy itself answers for it
			}
			client = before
		}
		return network(client)
	}
}

// parseAddress reads an address as proxies write it: with a port or without,
// IPv6 in brackets or not, also as a mapped IPv4.
func parseAddress(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	text = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	a, err := netip.ParseAddr(text)
	return a.WithZone("").Unmap(), err == nil
}

// network is what is counted as one client: an IPv4 address, and of IPv6 the
// /64, the least that a customer gets, who may take another address in it for
// each request.
func network(a netip.Addr) string {
	if a.Is4() {
		return a.String()
	}
	return netip.PrefixFrom(a, 64).Masked().String()
}
