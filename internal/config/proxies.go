package config

import (
	"net/netip"
	"strings"
)

// networks are addresses and networks, separated by commas. What covers every
// address is refused: it would believe anybody.
var networks = kind[[]netip.Prefix]{
	want: `addresses or networks separated by commas, such as "10.0.0.0/8, 192.0.2.7, fd00::/8", none of them the whole internet`,
	parse: func(s string) ([]netip.Prefix, bool) {
		var all []netip.Prefix
		for text := range strings.SplitSeq(s, ",") {
			p, ok := parseNetwork(strings.TrimSpace(text))
			if !ok || p.Bits() == 0 {
				return nil, false
			}
			all = append(all, p)
		}
		return all, true
	},
}

// parseNetwork reads a network, or an address as the network of it alone. An
// IPv4 address written as IPv6 is one of IPv4.
func parseNetwork(text string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}
