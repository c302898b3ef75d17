package redistest

import (
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// Path is an address that leads to a server, as a name or a load balancer does:
// what is connected stays connected when it is led to another one.
type Path struct {
	Addr string

	to atomic.Pointer[string]
}

// NewPath leads to addr.
func NewPath(t testing.TB, addr string) *Path {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	p := &Path{Addr: listener.Addr().String()}
	p.Lead(addr)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go p.carry(conn)
		}
	}()
	return p
}

// Lead has new connections lead to addr.
func (p *Path) Lead(addr string) { p.to.Store(&addr) }

func (p *Path) carry(from net.Conn) {
	defer from.Close() //nolint:errcheck // either end may have closed it
	to, err := net.Dial("tcp", *p.to.Load())
	if err != nil {
		return
	}
	defer to.Close() //nolint:errcheck // as above
	go func() {
		_, _ = io.Copy(to, from)
		_ = to.Close()
	}()
	_, _ = io.Copy(from, to)
}
