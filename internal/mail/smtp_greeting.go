package mail

import (
	"net"
	"net/netip"
	"strings"

	"tenant-provisioning/internal/tenant"
)

// greeting is the name in EHLO, for a connection from this address.
func (s *SMTP) greeting(from net.Addr) string {
	if s.config.Helo != "" {
		return s.config.Helo
	}
	if name, err := s.config.Hostname(); err == nil && isFullName(name) {
		return name
	}
	if at, err := netip.ParseAddrPort(from.String()); err == nil {
		return addressLiteral(at.Addr())
	}
	return addressLiteral(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
}

// isFullName reports whether there can be a mailbox at the host: its name has a
// domain.
func isFullName(host string) bool {
	wire, err := tenant.WireAddress("postmaster@" + host)
	return err == nil && wire == "postmaster@"+host && !strings.HasPrefix(strings.ToLower(host), "localhost.")
}

// addressLiteral is an address as it stands for a name in EHLO: RFC 5321, 4.1.3.
func addressLiteral(address netip.Addr) string {
	address = address.Unmap().WithZone("")
	if address.Is6() {
		return "[IPv6:" + address.String() + "]"
	}
	return "[" + address.String() + "]"
}
